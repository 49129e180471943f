"""The conformance suite's scripts as programs of the simulated world."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from engine.runtimes.base import ExecRequest
from engine.runtimes.simulated import Process, Program, idle
from engine.testing.conformance import scripts
from engine.testing.conformance.scripts import Script

__all__ = ["Scripts", "spell"]


def spell(script: Script, *arguments: str) -> tuple[str, ...]:
    return (script.name, *arguments)


async def passes(_process: Process) -> int:
    return 0


async def exits(process: Process) -> int:
    return int(process.command[1])


async def ends_by_kill(process: Process) -> int:
    process.signal(137)
    return await idle(process)


async def speaks_twice(process: Process) -> int:
    process.write(b"out\n")
    process.complain(b"err\n")
    return 0


async def writes(process: Process) -> int:
    process.write(process.command[1].encode())
    return 0


async def binary(process: Process) -> int:
    process.write(bytes(range(256)) * 4)
    return 0


async def much(process: Process) -> int:
    for start in range(0, 5 * 2**17, 2**12):
        process.write(b"".join(b"%07d\n" % n for n in range(start, start + 2**12)))
    return 0


async def arguments(process: Process) -> int:
    process.write(b"\0".join(argument.encode() for argument in process.command[1:]))
    return 0


async def environment(process: Process) -> int:
    for name in process.command[1:]:
        process.write(f"{process.environment[name]}\n".encode())
    return 0


async def where(process: Process) -> int:
    process.write(f"{PurePosixPath(process.working_dir).name}\n".encode())
    return 0


async def reads_input(process: Process) -> int:
    process.write(b"0\n")  # no simulated process has an input
    return 0


async def stays(process: Process) -> int:
    process.write(b"ready\n")
    await process.sleep(3600)
    return 0


async def ignores_term(process: Process) -> int:
    process.deaf = True
    return await process.run(stays, *process.command[1:])


async def parent_of_a_session(process: Process) -> int:
    await process.run(stays, *process.command[1:])
    return await idle(process)


async def leaves(process: Process) -> int:
    process.fork(idle, *process.command[1:])
    return 0


async def lists_running(process: Process) -> int:
    token = "".join(process.command[1:])
    for other in list(process.container.processes.values()):
        if token in other.command:
            process.write(f"{other.pid}\n".encode())
    return 0


async def talks(process: Process) -> int:
    process.write(b"one\n")
    process.complain(b"two\n")
    process.write(b"three\n")
    return await idle(process)


async def refuses(process: Process) -> int:
    process.write(b"no luck\n")
    return 1


async def fails_once(process: Process) -> int:
    asked = process.path("asked")
    if asked.exists():
        return 0
    asked.touch()
    return 1


async def hands_back(process: Process) -> int:
    _hand_back(process.environment, process.command[1])
    return 0


def _hand_back(environment: Mapping[str, str], text: str) -> None:
    Path(environment["DOCKWARDEN_METRICS"]).write_text(text)
    deep = Path(environment["DOCKWARDEN_ARTIFACTS"]) / "deep"
    deep.mkdir()
    (deep / "file").write_text(text)


async def writes_file(process: Process) -> int:
    process.path(process.command[1]).write_text(process.command[2])
    return 0


_TABLE = {
    scripts.PASSES: passes,
    scripts.KEPT: idle,
    scripts.EXITS: exits,
    scripts.ENDS_BY_KILL: ends_by_kill,
    scripts.SPEAKS_TWICE: speaks_twice,
    scripts.WRITES: writes,
    scripts.BINARY: binary,
    scripts.MUCH: much,
    scripts.ARGUMENTS: arguments,
    scripts.ENVIRONMENT: environment,
    scripts.WHERE: where,
    scripts.READS_INPUT: reads_input,
    scripts.STAYS: stays,
    scripts.IGNORES_TERM: ignores_term,
    scripts.PARENT_OF_A_SESSION: parent_of_a_session,
    scripts.LEAVES: leaves,
    scripts.LISTS_RUNNING: lists_running,
    scripts.TALKS: talks,
    scripts.REFUSES: refuses,
    scripts.FAILS_ONCE: fails_once,
    scripts.HANDS_BACK: hands_back,
    scripts.WRITES_FILE: writes_file,
}
_BY_NAME: dict[str, Program] = {script.name: program for script, program in _TABLE.items()}


class Scripts:
    """A world in which the suite's scripts are what there is to run."""

    def main(self, service: str, command: tuple[str, ...]) -> Program:
        return _BY_NAME[command[0]]

    def check(self, service: str, command: tuple[str, ...]) -> Program:
        return _BY_NAME[command[0]]

    def experiment(self, service: str, request: ExecRequest) -> Program | None:
        name = request.command[0]
        if name == "/etc/passwd":
            raise PermissionError(name)
        return _BY_NAME.get(name)
