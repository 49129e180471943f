"""A process that forks while it has backends: they stay with the parent under every action of the child."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.embedded.conftest import PATIENCE_S

ROOT = Path(__file__).parents[2]

PROGRAM = """
import json, multiprocessing, os, sys
from engine import ContainerManager, Controller
from engine.errors import UseError

def refused(call, *arguments):
    try:
        call(*arguments)
    except UseError as error:
        return [type(error).__name__, error.call, str(error)]
    return ["nothing", "", ""]

def said_in_child(main):
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        with os.fdopen(writer, "w") as pipe:
            json.dump(main(), pipe)
        sys.exit(7)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        said = json.load(pipe)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 7, status
    return said

parent, out = os.getpid(), {}
with ContainerManager(sys.argv[1], runtime="process") as manager:
    manager.start_services(["alpha"])
BODY
    out["running"] = manager.is_service_running("alpha")
    out["exit_code"] = manager.execute("alpha", ["sh", "-c", "exit 5"]).exit_code
out["states"] = manager.states
print(json.dumps(out))
"""


def told(compose_file: Path, body: str) -> dict[str, Any]:
    """What a program says that forks within its with block."""
    program = PROGRAM.replace("BODY", "".join(f"    {line}\n" for line in body.splitlines()))
    done = subprocess.run(
        [sys.executable, "-W", "error::ResourceWarning", "-c", program, str(compose_file)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, ""), done
    said: dict[str, Any] = json.loads(done.stdout)
    return said


ALL_CALLS = """
calls = {
    "start_services": (manager.start_services, ["beta"]),
    "restart_service": (manager.restart_service, "alpha"),
    "check_health": (manager.check_health, "alpha"),
    "check_and_recover": (manager.check_and_recover, "alpha"),
    "execute": (manager.execute, "alpha", ["true"]),
    "execute_experiment": (manager.execute_experiment, "alpha", "a.yaml"),
    "is_service_running": (manager.is_service_running, "alpha"),
    "connect": (manager.connect, print),
    "teardown": (manager.teardown,),
    "with": (manager.__enter__,),
    "states": (lambda: manager.states,),
    "transitions": (manager.transitions,),
    "the next transition": (next, manager.transitions()),
}
out["child"] = said_in_child(lambda: {name: refused(*call) for name, call in calls.items()})
"""


@pytest.fixture(scope="module")
def refusals(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    file = tmp_path_factory.mktemp("fork") / "docker-compose.yml"
    file.write_text('{"services": {"alpha": {"image": "none"}, "beta": {"image": "none"}}}')
    said: dict[str, list[str]] = told(file, ALL_CALLS)["child"]
    return said


def test_every_call_in_the_child_is_refused_by_its_name(refusals: dict[str, list[str]]) -> None:
    assert len(refusals) == 13
    for name, (kind, call, message) in refusals.items():
        assert kind == "UsedInFork", name
        assert "a fork of process" in message
        if name not in {"execute_experiment", "the next transition"}:
            assert call == name


UNTOUCHED = {"running": True, "exit_code": 5, "states": {"alpha": "stopped"}}


@pytest.mark.parametrize(
    "body",
    [
        "said_in_child(lambda: None)",  # which leaves the with block by SystemExit
        "said_in_child(manager.close)",
        "said_in_child(lambda: manager.__exit__(None, None, None))",
        "said_in_child(lambda: __import__('gc').collect() and None)",
    ],
    ids=["exit", "close", "leaving the block", "garbage collection"],
)
def test_the_childs_end_is_not_the_parents(compose_file: Path, body: str) -> None:
    assert told(compose_file, body) == UNTOUCHED


def test_multiprocessing_by_fork_works(compose_file: Path) -> None:
    body = """
forking = multiprocessing.get_context("fork")
with forking.Pool(2) as pool:
    out["squares"] = pool.map(abs, [-1, -2, -3])
process = forking.Process(target=sys.exit, args=(3,))
process.start()
process.join()
out["process"] = process.exitcode
"""
    assert told(compose_file, body) == {**UNTOUCHED, "squares": [1, 2, 3], "process": 3}


def test_a_child_may_have_a_manager_of_its_own(compose_file: Path) -> None:
    body = """
def own():
    with ContainerManager(sys.argv[1], runtime="process", project_name="own") as mine:
        mine.start_services(["beta"])
        return mine.execute("beta", ["sh", "-c", "exit 4"]).exit_code

out["own"] = said_in_child(own)
"""
    assert told(compose_file, body) == {**UNTOUCHED, "own": 4}


def test_a_controller_is_refused_as_well(compose_file: Path) -> None:
    body = """
import asyncio

def calls(controller):
    made = (
        controller.start(["beta"]), controller.execute("alpha", ["true"], id="x"),
        controller.stop(["alpha"]), controller.clear(["alpha"]), controller.outlived("alpha"),
        controller.teardown(),
    )
    return [refused(asyncio.run, one)[:2] for one in made]

found = []
manager.connect(found.append)
out["child"] = said_in_child(lambda: calls(found[0]))
"""
    names = ["start", "execute", "stop", "clear", "outlived", "teardown"]
    assert told(compose_file, body)["child"] == [["UsedInFork", name] for name in names]
