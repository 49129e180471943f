"""The examples do what they say."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from engine.campaign.config.load import check_services, load_campaign
from engine.campaign.runs.plan import plan
from engine.compose import load_project

EXAMPLES = Path(__file__).parents[2] / "examples"


def test_the_campaign_has_twelve_runs_on_the_backends_of_the_compose_file() -> None:
    campaign = load_campaign(EXAMPLES / "campaign.yml")
    check_services(campaign, load_project(campaign.compose_file))
    assert len(plan(campaign)) == 12


@pytest.mark.parametrize("kernel", ["matmul", "fft", "nbody", "mandelbrot"])
def test_each_kernel_finds_itself_right(kernel: str) -> None:
    done = subprocess.run(
        [sys.executable, EXAMPLES / "kernels.py", kernel],
        capture_output=True,
        text=True,
        check=False,
    )
    figures = json.loads(done.stdout)
    assert (done.returncode, figures["right"], figures["kernel"]) == (0, True, kernel)


def test_an_unknown_kernel() -> None:
    done = subprocess.run(
        [sys.executable, EXAMPLES / "kernels.py", "none"], capture_output=True, check=False
    )
    assert done.returncode == 2
