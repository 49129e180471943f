"""Imports of version 0.1 go on working, and give the same objects as today's."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Final

import pytest

from engine._moved import MOVED

ROOT: Final = Path(__file__).parents[1]


@pytest.mark.parametrize("old", sorted(MOVED))
def test_a_module_is_found_under_its_old_name(old):
    module = import_module(old)
    assert module is import_module(MOVED[old])
    assert module.__name__ == MOVED[old]
    assert module.__spec__ is not None
    assert module.__spec__.name == MOVED[old]


@pytest.mark.parametrize("old", sorted(MOVED))
def test_no_module_of_today_has_an_old_name(old):
    file = ROOT.joinpath(*old.split("."))
    assert not file.with_suffix(".py").exists()
    assert not (file / "__init__.py").exists()


@pytest.mark.parametrize(
    ("module", "names"),
    [
        ("engine.backend", "Backend"),
        ("engine.campaign.events", "AttemptStarted RunSettled"),
        ("engine.campaign.load", "check_services load_campaign"),
        ("engine.campaign.model", "Campaign Experiment"),
        ("engine.campaign.plan", "plan"),
        ("engine.campaign.records", "Results"),
        ("engine.campaign.resume", "journaled"),
        ("engine.campaign.runner", "CampaignRunner"),
        ("engine.campaign.summary", "Summary"),
        ("engine.gpu.policy", "Baseline GpuPolicy"),
        ("engine.health.policy", "HealthPolicy"),
        ("engine.leash", "Leash watchdog"),
        ("engine.leash.clearing", "clear_after"),
        ("engine.machine", "Machine"),
        ("engine.metrics", "serve"),
        ("engine.runtimes.base", "Container ExecRequest ExecResult Runtime"),
        ("engine.runtimes.choose", "choose_runtime"),
        ("engine.runtimes.docker.client", "connect"),
        ("engine.runtimes.inside", "RUN"),
        ("engine.runtimes.process", "ProcessRuntime"),
        ("engine.runtimes.simulated", "EachLasts Faults SimulatedRuntime"),
        ("engine.spec", "Project ServiceSpec"),
        ("engine.testing.clock", "VirtualClockLoop run"),
        ("engine.testing.conformance", "RuntimeConformance"),
        ("engine.testing.manager", "SimulatedManager"),
        ("engine.testing.ordered", "OrderedFaults"),
        ("engine.testing.stateful", "BackendMachine BackendSuite LifecycleSuite"),
        ("states.verify", "OwnStep subjects"),
    ],
)
def test_what_the_documents_of_version_0_1_import_is_there(module, names):
    for name in names.split():
        assert hasattr(import_module(module), name), name


def test_the_watchdog_starts_under_its_old_name():
    """A controller of version 0.1 that is upgraded while it runs starts it so."""
    done = subprocess.run(
        [sys.executable, "-m", "engine.leash", "process", "{}", ""],
        input=b".",
        capture_output=True,
        check=False,
    )
    assert b"No module" not in done.stderr
    assert done.stdout
