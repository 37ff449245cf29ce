"""What all tests share: in continuous integration nothing is skipped but what is marked ``external``."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

# no test asserts a duration, so neither does Hypothesis: a busy machine is no defect
settings.register_profile("house", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("house")

STRICT = os.environ.get("SPLITBRAIN_NO_SKIPS") == "1"


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """A skip without the mark is a failure where ``SPLITBRAIN_NO_SKIPS=1``: an environment lost something."""
    outcome: Any = yield
    report: pytest.TestReport = outcome.get_result()
    external = item.get_closest_marker("external") is not None
    if external:
        report.user_properties.append(("external", item.nodeid))
    if STRICT and report.skipped and not external and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid}: nothing may be skipped here: {reason}"


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """List tests that need programs or files of others, and what became of them."""
    rows = sorted(
        f"{status}: {report.nodeid}"
        for status in ("passed", "failed", "skipped")
        for report in terminalreporter.stats.get(status, [])
        if any(name == "external" for name, _ in getattr(report, "user_properties", []))
        and (report.when == "call" or status == "skipped")
    )
    if rows:
        terminalreporter.write_line(f"external tests: {len(rows)}")
        for row in rows:
            terminalreporter.write_line(f"  {row}")
