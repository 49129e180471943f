"""The pytest plugin; ``pip install 'dockwarden[testing]'`` registers it, and ``-p no:dockwarden`` turns it off.

What a fixture needs is imported when it is used, so that the plugin costs a start of pytest nothing.
"""

from __future__ import annotations

from typing import Final

import pytest

__all__ = ["COVERAGE", "pytest_terminal_summary"]

COVERAGE: Final = "dockwarden_coverage"
"""The property under which a test records what it has covered of a lifecycle."""


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show what was covered of lifecycles."""
    tables = dict.fromkeys(
        str(value)
        for reports in terminalreporter.stats.values()
        for report in reports
        for name, value in getattr(report, "user_properties", ())
        if name == COVERAGE and report.when == "call"
    )
    if tables:
        terminalreporter.section("coverage of lifecycles")
        for table in tables:
            terminalreporter.write_line(table)
