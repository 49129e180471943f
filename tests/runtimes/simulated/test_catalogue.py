"""Every fault of the catalogue is documented, and strikes where it says."""

from __future__ import annotations

import random
import re
from collections import Counter

import pytest

from engine.runtimes.simulated import CATALOGUE, Fault, Faults, Strikes
from tests.runtimes.simulated.table import PAGE, page


def test_the_page_is_up_to_date() -> None:
    written = PAGE.read_text()
    assert written == page(written), "python -m tests.runtimes.simulated.table"


def test_the_program_on_the_page_runs(capsys: pytest.CaptureFixture[str]) -> None:
    (text,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), flags=re.DOTALL)
    exec(compile(text, "simulation.md", "exec"), {})
    assert capsys.readouterr().out == "exited after 3600 s\n"


def test_names_are_unique() -> None:
    assert len({fault.name for fault in CATALOGUE}) == len(CATALOGUE)


@pytest.mark.parametrize("fault", CATALOGUE, ids=lambda fault: fault.name)
def test_a_fault_strikes_its_opportunity_alone(fault: Fault) -> None:
    faults = Faults(1.0, random.Random(1), frozenset({fault.name}))
    calls = sorted(fault.calls) or [""]
    assert all(faults.strike(fault.strikes, call) is fault for call in calls)
    others = [strikes for strikes in Strikes if strikes is not fault.strikes]
    assert not any(faults.strike(strikes, call) for strikes in others for call in calls)


def test_the_rate_is_the_share_that_is_struck() -> None:
    faults = Faults(0.2, random.Random(1))
    struck = Counter(faults.strike(Strikes.COMMAND) is not None for _ in range(10_000))
    assert 1800 < struck[True] < 2200
    faults.end()
    assert not any(faults.strike(Strikes.COMMAND) for _ in range(1000))
