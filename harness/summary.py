"""A campaign in Markdown: what a reviewer reads in a pull request before opening the report."""

from __future__ import annotations

from collections.abc import Sequence

from harness.entry import Entry, Figures, figures
from harness.gate import Judgement

FAILURES_MAX = 20
TREND_MAX = 10


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;")


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    return [*lines, *(f"| {' | '.join(_cell(c) for c in row)} |" for row in rows), ""]


def bite_text(total: Figures) -> str:
    """``partition 96 % of 120, kill 100 % of 40``: applied faults that bit, by family."""
    parts = []
    for family, counts in total.bite.items():
        rate = total.bite_rate(family)
        applied = counts.bit + counts.did_not_bite
        parts.append(
            f"{family} {100 * rate:.0f} % of {applied}" if rate is not None else f"{family}: none applied"
        )
    return ", ".join(parts)


def _kind(entry: Entry) -> tuple[str, ...]:
    return (
        entry.group,
        f"{entry.system} ({entry.bug})" if entry.bug else entry.system,
        entry.workload,
        ", ".join(entry.nemesis) or "none",
        entry.env,
    )


def trend_rows(trend: Sequence[Figures]) -> list[list[str]]:
    """The newest executions of a campaign, oldest first: started, runs, verdicts, ok, recovery, bite."""
    return [
        [
            t.started,
            str(t.runs),
            f"{t.valid} / {t.invalid} / {t.unknown}",
            f"{t.operations:,}",
            f"{t.ok_fraction:.3f}",
            "" if t.max_recovery_s is None else f"{t.max_recovery_s:.3f}",
            bite_text(t),
        ]
        for t in trend[-TREND_MAX:]
    ]


def summary(
    name: str,
    entries: Sequence[Entry],
    baseline: Sequence[Entry],
    trend: Sequence[Figures],
    judgement: Judgement,
) -> str:
    """The whole page. Operations are client operations: an invocation with its completion."""
    total = figures(entries)
    lines = [f"# {name}: {'passed' if judgement.passed else 'NOT passed'}", ""]
    lines += [
        (
            f"{total.runs} runs: {total.valid} valid, {total.invalid} invalid, {total.unknown} unknown; "
            f"{total.operations:,} operations, {100 * total.ok_fraction:.1f} % of them succeeded."
        ),
        "",
        *(f"- {line}" for line in judgement.lines),
        "",
    ]
    kinds: dict[tuple[str, ...], list[Entry]] = {}
    for entry in entries:
        kinds.setdefault(_kind(entry), []).append(entry)
    rows = []
    for kind, members in kinds.items():
        part = figures(members)
        verdicts = f"{part.valid} / {part.invalid} / {part.unknown}"
        rows.append([*kind, str(part.runs), verdicts, f"{part.ok_fraction:.3f}", bite_text(part)])
    head = [
        "group",
        "system",
        "workload",
        "nemesis",
        "env",
        "runs",
        "valid / invalid / unknown",
        "ok",
        "faults bit",
    ]
    lines += _table(head, rows)
    bad = [e for e in entries if e.failed or (e.expect == "valid" and e.verdict != "valid")]
    if bad:
        lines += [f"## Runs to look at ({len(bad)})", ""]
        shown = [
            [e.verdict, e.workload, str(e.seed), e.why[:200], f"`{e.replay}`"] for e in bad[:FAILURES_MAX]
        ]
        lines += _table(["verdict", "workload", "seed", "why", "replay"], shown)
    if baseline:
        lines += ["## Without faults", ""]
        rows = [
            [
                e.system,
                e.workload,
                e.env,
                e.verdict,
                f"{e.operations:,}",
                f"{e.ok / max(1, e.operations):.3f}",
            ]
            for e in baseline
        ]
        lines += _table(["system", "workload", "env", "verdict", "operations", "ok"], rows)
    if trend:
        lines += ["## Trend", ""]
        head = [
            "started",
            "runs",
            "valid / invalid / unknown",
            "operations",
            "ok",
            "recovery s",
            "faults bit",
        ]
        lines += _table(head, trend_rows(trend))
    return "\n".join(lines)
