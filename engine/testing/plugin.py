"""The pytest plugin; ``pip install 'dockwarden[testing]'`` registers it, and ``-p no:dockwarden`` turns it off.

What a fixture needs is imported when it is used, so that the plugin costs a start of pytest nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

if TYPE_CHECKING:
    from engine.policy import BackendPolicy
    from engine.testing.manager import SimulatedManager
    from engine.testing.scripted_faults import OrderedFaults
    from engine.testing.simulation import Simulation
    from engine.util.virtual_clock import VirtualClock

__all__ = [
    "COVERAGE",
    "faults",
    "leak_check",
    "pytest_addoption",
    "pytest_terminal_summary",
    "simulated_compose_file",
    "simulated_manager",
    "simulated_policies",
    "simulation",
    "virtual_clock",
]

COVERAGE: Final = "dockwarden_coverage"
"""The property under which a test records what it has covered of a lifecycle."""

_DOCKER: Final = "dockwarden_leak_check_docker"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare what can be set in the configuration file."""
    parser.addini(_DOCKER, "leak_check checks the Docker engine too", type="bool", default=False)


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


# What a project overrides


@pytest.fixture
def simulated_compose_file(tmp_path: Path) -> Path:
    """The compose file of simulations: two services, unless a project overrides this fixture."""
    file = tmp_path / "simulated" / "docker-compose.yml"
    file.parent.mkdir()
    file.write_text("services: {alpha: {image: any}, beta: {image: any}}\n")
    return file


@pytest.fixture
def simulated_policies() -> Mapping[str, BackendPolicy]:
    """How the backends of simulations are run, unless a project overrides this fixture: by default."""
    return {}


# What tests use


@pytest.fixture
def virtual_clock() -> Iterator[VirtualClock]:
    """A clock on which time passes only when a test lets it."""
    from engine.util.virtual_clock import VirtualClock

    clock = VirtualClock()
    yield clock
    clock.close()


@pytest.fixture
def faults() -> OrderedFaults:
    """Inject faults into a test's simulations: on order, now, or by chance."""
    from engine.testing.scripted_faults import OrderedFaults

    return OrderedFaults()


@pytest.fixture
def simulation(
    simulated_compose_file: Path,
    simulated_policies: Mapping[str, BackendPolicy],
    virtual_clock: VirtualClock,
    faults: OrderedFaults,
    tmp_path: Path,
) -> Iterator[Simulation]:
    """A controller on simulated containers; taken down in the end, once the faults have ended."""
    from engine.compose import load_project
    from engine.testing.simulation import Simulation

    folder = tmp_path / "simulation"
    folder.mkdir()
    made = Simulation(
        load_project(simulated_compose_file),
        folder,
        simulated_policies,
        clock=virtual_clock,
        faults=faults,
    )
    yield made
    made.close()


@pytest.fixture
def simulated_manager(
    simulated_compose_file: Path,
    simulated_policies: Mapping[str, BackendPolicy],
    virtual_clock: VirtualClock,
    faults: OrderedFaults,
) -> Iterator[SimulatedManager]:
    """A blocking manager on simulated containers; taken down in the end, once the faults have ended."""
    from engine.testing.manager import SimulatedManager

    manager = SimulatedManager(
        simulated_compose_file, policies=simulated_policies, faults=faults, clock=virtual_clock
    )
    yield manager
    faults.end()
    manager.advance(600)  # what was stuck comes free
    try:
        manager.teardown()
    finally:
        manager.close()


@pytest.fixture
def leak_check(request: pytest.FixtureRequest, faults: OrderedFaults) -> Iterator[None]:
    """Fail the test if it leaves containers, networks or processes behind.

    It checks before the fixtures here clean up. Named first, it checks after those of the test.
    """
    from engine.errors import RuntimeUnavailable
    from engine.testing.leaks import Leaks

    for name in ("simulation", "simulated_manager"):  # so that these end after it
        if name in request.fixturenames:
            request.getfixturevalue(name)
    docker = bool(request.config.getini(_DOCKER))
    try:
        leaks = Leaks(faults, docker)
        yield
        left = leaks.found()
    except RuntimeUnavailable as unavailable:
        pytest.fail(f"{_DOCKER} is set, and {unavailable}", pytrace=False)
    if left:
        pytest.fail(f"left behind: {'; '.join(left)}", pytrace=False)
