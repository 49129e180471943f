"""The lab by hand: `python3 -m tests.lab up | down | restart | status | env`."""

import argparse
import shlex
import sys
from collections.abc import Sequence

from . import BASE_IMAGE, LabError, LabUnavailable, ensure_up, is_up, restart_engine, take_down
from .engine import Engine, find_engine
from .kinds import KINDS
from .lab import remember_engine
from .layout import LAB_DIR_VARIABLE, current_layout

EXIT_FAILED = 1
EXIT_UNAVAILABLE = 3


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line asks.

    Returns:
        0 when done (for `status`: when up), 1 when it failed, 3 when no engine can be had here.
    """
    asked = _parser().parse_args(arguments)
    try:
        match asked.command:
            case "up":
                if asked.engine:
                    remember_engine(asked.engine)
                _print_engine(ensure_up(say=_say, compose_required=asked.compose))
            case "restart":
                _print_engine(restart_engine(kill=asked.kill))
            case "down":
                take_down(purge=asked.purge)
            case "status":
                return _status()
            case _:
                return _env()
    except LabUnavailable as error:
        _say(str(error))
        return EXIT_UNAVAILABLE
    except LabError as error:
        _say(str(error))
        return EXIT_FAILED
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python3 -m tests.lab",
        description="A private Docker engine for the tests.",
        epilog=f"Everything lives in .lab/, or in the folder that {LAB_DIR_VARIABLE} names.",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    up = commands.add_parser("up", help="bring the engine up, or find it up")
    up.add_argument("--compose", action="store_true", help="fail when Compose cannot be had")
    up.add_argument("--engine", metavar="NAME", help=f"which, from now on: {', '.join(KINDS)}")
    restart = commands.add_parser("restart", help="end dockerd and start another in its place")
    restart.add_argument("--kill", action="store_true", help="without notice, as a crash would")
    down = commands.add_parser("down", help="end the engine and everything it started")
    down.add_argument("--purge", action="store_true", help="delete images and caches too")
    commands.add_parser("status", help="say whether it is up, and exit 0 or 1 accordingly")
    commands.add_parser("env", help='print what to evaluate: eval "$(python3 -m tests.lab env)"')
    return parser


def _say(line: str) -> None:
    print(f"lab: {line}", file=sys.stderr)


def _print_engine(engine: Engine) -> None:
    print(f"up: {engine.kind.name} {engine.version} at {engine.socket}")
    print(f"compose: {engine.compose or 'none'}")
    print("to use it by hand:")
    for line in _exports(engine):
        print(f"  {line}")


def _status() -> int:
    engine = find_engine(current_layout())
    if engine is None:
        print("down: nothing answers at", current_layout().socket)
        return EXIT_FAILED
    complete = is_up()
    print(f"up: {engine.kind.name} {engine.version} at {engine.socket}")
    print(f"image {BASE_IMAGE}: {'present' if complete else 'missing, run `up` to make it'}")
    print(f"compose: {engine.compose or 'none'}")
    return 0 if complete else EXIT_FAILED


def _env() -> int:
    engine = find_engine(current_layout())
    if engine is None:
        _say("the engine is down; bring it up with `python3 -m tests.lab up`")
        return EXIT_FAILED
    print("\n".join(_exports(engine)))
    return 0


def _exports(engine: Engine) -> list[str]:
    return [f"export {name}={shlex.quote(value)}" for name, value in engine.environment.items()]


if __name__ == "__main__":
    sys.exit(main())
