"""All checkers as a table: what each asks, and what it can find. docs/checkers.md has it.

Nothing here is written by hand: it is taken from the classes and their modules, so the page is true when it is equal
to what this says (tests/checkers/test_guide.py).
"""

from __future__ import annotations

import re
from importlib import import_module

from checkers import registry

BEGIN = "<!-- the table of checkers: splitbrain list checkers --markdown --into docs/checkers.md -->"
END = "<!-- the end of the table -->"


def markdown() -> str:
    """The table, a line for each checker that comes with the project."""
    lines = ["| checker | what it asks | step by step | anomalies |", "|---|---|---|---|"]
    for name in sorted(registry.BUILT_IN):
        checker = registry.create(name)
        ways = "yes" if name in registry.ONLINE else ""
        kinds = ", ".join(checker.anomalies) or "none"
        lines.append(f"| `{name}` | {purpose(name)} | {ways} | {kinds} |")
    return "\n".join(lines)


def purpose(name: str) -> str:
    """The first sentence about a checker: of its module; where that holds several, of its class, if it says more
    than the options.
    """
    place = registry.BUILT_IN[name]
    module, _, attribute = place.partition(":")
    found = import_module(module)
    texts = [found.__doc__ or ""]
    if sum(other.startswith(f"{module}:") for other in registry.BUILT_IN.values()) > 1:
        texts.insert(0, getattr(found, attribute).__doc__ or "")
    for text in texts:
        told = " ".join(text.strip().split("\n\n")[0].split())
        if told and not told.startswith(("Options:", "No options", "Takes no")):
            sentence = re.split(r"(?<=[.?!])\s", told)[0].removesuffix(".")
            return _cell(re.sub(r"\s*\((\"[^\"]+\"(,| and)? ?)+\)", "", sentence).rstrip(":"))
    return ""


def _cell(text: str) -> str:
    return text.replace("``", "`").replace("|", "\\|")


def rewrite(page: str) -> str:
    """A page with the table between its two marks renewed; raises ValueError where they are missing."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the page lacks the marks {BEGIN!r} and {END!r}")
    return f"{before}{BEGIN}\n{markdown()}\n{END}{after}"
