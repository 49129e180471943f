"""``python -m tests.hostile.direct FILE``: a play's experiments without a campaign, by a program of the user's own.

It uses a :class:`~engine.ContainerManager` or a :class:`~engine.controller.Controller`, and writes down what came of each
experiment as a campaign's ``results.jsonl`` has it. An experiment that its backend did not take, since that was given up, has no
record; its run is written down with the reason.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby
from pathlib import Path
from typing import Any, Final

from engine import BackendPolicy, ContainerManager, RestartPolicy, load_project
from engine.controller import Controller
from engine.errors import DispatchError
from engine.model.results import Ended, Leftovers
from engine.runtimes.selection import choose_runtime

_SETTLED: Final = ("ready", "exhausted")

Told = Mapping[str, Any]


def main() -> int:
    told = json.loads(Path(sys.argv[1]).read_text())
    output = Path(told["output"])
    output.mkdir(parents=True, exist_ok=True, mode=0o700)
    came = by_manager(told) if told["face"] == "manager" else asyncio.run(by_controller(told))
    write(told["records"], (one for one in came if "ending" in one))
    write(told["refused"], (one for one in came if "ending" not in one))
    return 0 if all(one.get("exit_code") == 0 for one in came) or not told["honest"] else 1


def write(path: str, lines: Iterable[Told]) -> None:
    """Write a new file of JSON lines, for the user alone."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.writelines(f"{json.dumps(line)}\n" for line in lines)


def policies(told: Told) -> dict[str, BackendPolicy]:
    """What a campaign's backends have, too."""
    return {
        name: BackendPolicy(restart=RestartPolicy(max_restarts=most, backoff_s=0))
        for name, most in told["max_restarts"].items()
    }


def by_backend(told: Told) -> dict[str, list[Told]]:
    """The experiments of each backend, in their order."""
    named = sorted(told["experiments"], key=lambda one: one["backend"])
    return {name: list(some) for name, some in groupby(named, key=lambda one: one["backend"])}


def limits(experiment: Told) -> dict[str, Any]:
    """How an experiment of a campaign file is called for."""
    most = experiment.get("max_output", "1024m").removesuffix("m")
    return {
        "environment": experiment.get("env"),
        "user": experiment.get("user"),
        "timeout_s": float(experiment.get("timeout", "120s").removesuffix("s")),
        "grace_s": 1.0,
        "max_output_bytes": int(most) * 2**20,
    }


def run_of(experiment: Told) -> str:
    return f"{experiment['backend']}-{experiment['name']}"


def refused(experiment: Told, error: DispatchError) -> dict[str, Any]:
    """That an experiment has not run, and why."""
    return {"run": run_of(experiment), "reason": str(error)}


def record(experiment: Told, ended: Ended, output: Path) -> dict[str, Any]:
    """What came of an experiment."""
    return {
        "run": run_of(experiment),
        "request": ended.stdout.parent.name,
        "ending": ended.ending.value,
        "exit_code": ended.exit_code,
        "reason": ended.reason,
        "duration_s": ended.duration_s,
        "stdout": str(ended.stdout.relative_to(output)),
        "stderr": str(ended.stderr.relative_to(output)),
        "left": [one.to_plain() for one in ended.left],
    }


def by_manager(told: Told) -> list[dict[str, Any]]:
    """Each backend's experiments in a separate thread."""
    wanted, output = by_backend(told), Path(told["output"])
    with ContainerManager(
        told["compose"],
        runtime="docker",
        output_dir=output,
        policies=policies(told),
    ) as manager:
        manager.start_services(wanted)

        def perform(name: str) -> list[dict[str, Any]]:
            found = []
            for one in wanted[name]:
                if manager.states[name] not in _SETTLED:
                    settled(manager, name)
                try:
                    ended = manager.execute(
                        name, one["command"], leftovers=one.get("leftovers", "end"), **limits(one)
                    )
                    found.append(record(one, ended, output))
                except DispatchError as error:
                    found.append(refused(one, error))
            return found

        with ThreadPoolExecutor(len(wanted)) as pool:
            return [one for some in pool.map(perform, wanted) for one in some]


def settled(manager: ContainerManager, name: str) -> None:
    """Wait until a backend that is being restarted is ready, or given up."""
    for transition in manager.transitions():
        if transition.backend == name and manager.states[name] in _SETTLED:
            return


async def by_controller(told: Told) -> list[dict[str, Any]]:
    """Each backend's experiments in a separate task."""
    wanted, output = by_backend(told), Path(told["output"])
    project = load_project(told["compose"])
    of_each = policies(told)
    runtime = await choose_runtime("docker", project, of_each)
    controller = Controller(project, runtime, output, of_each)

    async def perform(name: str, experiments: Sequence[Told]) -> list[dict[str, Any]]:
        found = []
        for one in experiments:
            await controller.backend(name).settled()
            try:
                ended = await controller.execute(
                    name,
                    one["command"],
                    id=f"{run_of(one)}.1",
                    leftovers=Leftovers(one.get("leftovers", "end")),
                    **limits(one),
                )
                found.append(record(one, ended, output))
            except DispatchError as error:
                found.append(refused(one, error))
        return found

    try:
        await controller.start(wanted)
        done = await asyncio.gather(*(perform(*one) for one in wanted.items()))
    finally:
        await controller.teardown()
    return [one for some in done for one in some]


if __name__ == "__main__":
    sys.exit(main())
