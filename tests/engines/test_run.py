"""The table of ``make engines``."""

from __future__ import annotations

from tests.engines.__main__ import read

REPORT = """<testsuites><testsuite>
<testcase classname="tests.a" name="passes"/>
<testcase classname="tests.a" name="fails"><failure message="no"/></testcase>
<testcase classname="tests.a" name="is_in_error"><error message="no"/></testcase>
<testcase classname="tests.a" name="one"><skipped message="no Compose"/></testcase>
<testcase classname="tests.a" name="two"><skipped message="no Compose"/></testcase>
</testsuite></testsuites>"""


def test_a_report_becomes_a_row() -> None:
    found = read("docker-28", REPORT)
    assert found.failed == ["tests.a::fails", "tests.a::is_in_error"]
    assert found.row() == "| docker-28 | 1 | 2 | 2: no Compose |"
