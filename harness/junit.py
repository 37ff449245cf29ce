"""A campaign as JUnit XML: what continuous integration shows beside the tests."""

from __future__ import annotations

from collections.abc import Sequence
from xml.sax.saxutils import escape, quoteattr

from harness.entry import Entry
from harness.gate import Judgement


def _text(value: str) -> str:
    """Without the control characters that XML 1.0 has no way to write."""
    return "".join(c if c in "\t\n" or c >= " " and c not in "\ufffe\uffff" else "?" for c in value)  # noqa: RUF021


def _label(entry: Entry) -> str:
    parts = [
        entry.system,
        entry.bug or "",
        entry.workload,
        "+".join(dict.fromkeys(entry.nemesis)) or "no faults",
        entry.env,
    ]
    return " ".join(part for part in parts if part) + f" seed {entry.seed}"


def _outcome(entry: Entry) -> str:
    """The element inside a test case: none for a run that came out as expected."""
    message = quoteattr(_text(entry.why or entry.verdict)[:500])
    body = escape(_text(f"{entry.why}\nanomalies: {', '.join(entry.anomalies)}\n{entry.replay}\n"))
    if entry.failed:
        return f'<error type="harness" message={message}>{body}</error>'
    if entry.expect == "invalid" or entry.verdict == "valid":
        return ""
    return f'<failure type="{entry.verdict}" message={message}>{body}</failure>'


def junit(name: str, entries: Sequence[Entry], judgement: Judgement) -> str:
    """One test case a run, and one a demand of the gate, which also judges the cells that must be caught."""
    cases: list[str] = []
    for entry in entries:
        group = f"{name}.{entry.group}" if entry.group else name
        outcome = _outcome(entry)
        cases.append(
            f"<testcase classname={quoteattr(_text(group))} name={quoteattr(_text(_label(entry)))} "
            f'time="{entry.elapsed_s:.3f}"' + (f">{outcome}</testcase>" if outcome else "/>")
        )
    for line in judgement.lines:
        title = quoteattr(_text(line.partition(": ")[2]))
        head = f"<testcase classname={quoteattr(f'{name}.gate')} name={title}"
        failed = line.startswith("NOT MET")
        cases.append(
            f'{head} time="0"><failure type="gate" message={quoteattr(_text(line))}/></testcase>'
            if failed
            else f'{head} time="0"/>'
        )
    failures = sum("<failure" in case for case in cases)
    errors = sum("<error" in case for case in cases)
    elapsed = sum(entry.elapsed_s for entry in entries)
    head = f'tests="{len(cases)}" failures="{failures}" errors="{errors}" time="{elapsed:.3f}"'
    body = "\n".join(cases)
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f"<testsuites {head}>\n<testsuite name={quoteattr(name)} {head}>\n"
        f"{body}\n</testsuite>\n</testsuites>\n"
    )
