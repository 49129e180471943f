"""Fixtures for all tests: a Docker engine and a browser, where they can be had."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, nullcontext
from pathlib import Path
from typing import NoReturn

import pytest
from hypothesis import settings

from tests.browser import BrowserUnavailable, Page, ScriptsUnavailable, npm_script, start
from tests.lab import Engine, LabUnavailable, ensure_up
from tests.lab.layout import current_layout
from tests.lab.ssh import SshUnavailable, behind_ssh
from tests.lab.turns import alone_on, beside_others_on

# How long an example takes says nothing on a machine that others use too.
settings.register_profile("dockwarden", deadline=None)
settings.load_profile("dockwarden")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Offer ``--long``."""
    about = "also run the tests that are marked long, as CI does (make test LONG=1)"
    parser.addoption("--long", action="store_true", help=about)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark every test on the lab's engine as ``docker``, so that ``-m docker`` selects it; leave long tests out.

    A long test that is named on the command line is run.
    """
    for item in items:
        if "lab" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.docker)
    named = any("::" in argument for argument in config.args)
    if config.getoption("--long") or named:
        return
    left_out = [item for item in items if item.get_closest_marker("long")]
    items[:] = [item for item in items if not item.get_closest_marker("long")]
    config.hook.pytest_deselected(items=left_out)


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Name what was left out."""
    if not config.getoption("--long"):
        terminalreporter.write_line("tests marked long were left out: make test LONG=1 runs them")


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """A test that acts on the whole engine has it alone; waiting for that is not its own time."""
    with _turn(item):
        return (yield)


def _turn(item: pytest.Item) -> AbstractContextManager[None]:
    if item.get_closest_marker("docker") is None or item.get_closest_marker("own_engine"):
        return nullcontext()
    take = alone_on if item.get_closest_marker("whole_engine") else beside_others_on
    return take(current_layout())


@pytest.fixture(scope="session", autouse=True)
def state(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Claims of these tests are theirs alone: what other tests leave at the same time is not theirs to reap."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        yield


@pytest.fixture(scope="session")
def lab() -> Engine:
    """The lab's engine; a skip with the reason where none can be had, and a failure in CI."""
    try:
        return ensure_up()
    except LabUnavailable as unavailable:
        _do_without("a Docker engine", unavailable)


@pytest.fixture
def engine(lab: Engine, monkeypatch: pytest.MonkeyPatch) -> Engine:
    """The lab's engine as the one that the environment names."""
    for name, value in lab.environment.items():
        monkeypatch.setenv(name, value)
    return lab


@pytest.fixture
def no_engine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No engine is configured, and none seems installed, even if this machine has one."""
    for name in ("DOCKER_HOST", "DOCKER_CONTEXT", "XDG_RUNTIME_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker"))
    monkeypatch.setattr("docker.utils.utils.DEFAULT_UNIX_SOCKET", f"http+unix://{tmp_path}/none")
    monkeypatch.setattr("engine.runtimes.fallback._SOCKET", tmp_path / "docker.sock")
    monkeypatch.setattr("engine.runtimes.fallback._PROGRAMS", ())


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """Chromium; a skip with the reason where there is none, and a failure in CI."""
    with ExitStack() as stack:
        try:
            page = stack.enter_context(start(tmp_path_factory.mktemp("chromium")))
        except BrowserUnavailable as unavailable:
            _do_without("a browser", unavailable)
        yield page


@pytest.fixture(scope="session")
def graphviz() -> None:
    """The program that lays diagrams out; a skip with the reason where there is none, and a failure in CI."""
    if shutil.which("dot") is None:
        why = "dot is not installed (on Debian: apt-get install graphviz)"
        _do_without("Graphviz", FileNotFoundError(why))


@pytest.fixture(scope="session")
def script() -> Callable[[str], Path]:
    """Finds a file of the npm packages; a skip with the reason where there is none, and a failure in CI."""

    def find(path: str) -> Path:
        try:
            return npm_script(path)
        except ScriptsUnavailable as unavailable:
            _do_without("scripts from npm", unavailable)

    return find


@pytest.fixture
def ssh_engine(engine: Engine, tmp_path: Path) -> Iterator[Mapping[str, str]]:
    """What leads to the lab's engine by SSH; a skip with the reason where there is no sshd, and a failure in CI."""
    with ExitStack() as stack:
        try:
            way = stack.enter_context(behind_ssh(engine, tmp_path / "home"))
        except SshUnavailable as unavailable:
            _do_without("an SSH server", unavailable)
        yield way


def _do_without(what: str, why: Exception) -> NoReturn:
    if os.environ.get("CI"):
        pytest.fail(f"CI must have {what}: {why}")
    pytest.skip(f"no {what.removeprefix('a ')} can be had here: {why}")
