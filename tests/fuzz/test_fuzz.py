"""A few cases for each reader; ``make fuzz`` tries over a hundred thousand."""

from __future__ import annotations

import pytest

from tests.fuzz.run import try_out
from tests.fuzz.targets import TARGETS, Target


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_whatever_it_reads_it_answers(target: Target) -> None:
    tally = try_out(target, 60)
    assert len(tally.different) > 30
    assert 0 <= tally.accepted <= tally.tried
