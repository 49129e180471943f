"""The small forms that generated.py draws: odd texts, and keys that several files lay over one another.

What is drawn for each key stands in ``drawn/service.txt`` and ``drawn/sections.txt``, one value a line.
"""

from __future__ import annotations

import random
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from attrs import field, frozen

from tests.compose.drawn_texts import ODD_TEXTS

__all__ = ["ANCHORS", "SECTIONS", "Form", "Layer", "drawn"]

Keys = Mapping[str, str]
Values = Mapping[str, tuple[str, ...]]

_FOLDER: Final = Path(__file__).parent / "drawn"
_OFTEN: Final = 0.85
_SELDOM: Final = 0.02
ANCHORS: Final = ("x", "m")
SECTIONS: Final = ("networks", "volumes", "secrets", "configs")
_DOT_ENV: Final = (
    *("V@=v\n", "V@=\nW@=w\n", "W@=${V@:-x}\nV@=a b # c\n", "export V@='$B'\nW@=\"$B\\n\"\n"),
    *("V@: v\n", "V@=/h\nW@=${B}${V@}\n", "", "# V@=v\n", "V@\nW@=' \n '\n"),
)
_HEADS: Final = (
    *("name: a-b", "name: My_Project", "name: $B", "name: ${NOWHERE:-c}", "name: ''", "name: _x.y"),
    *("version: '3.8'\nname: old", "name: '-'", 'version: "2"', "name: 1a\nx-top: {a: 1}"),
)


@frozen
class Layer:
    """What one file says of a form.

    Attributes:
        service: keys of the service, each with its value in YAML.
        extended: those of a service that it extends; None for no such service.
        sections: by section, the form's entry in YAML; under ``x`` and ``m`` what stands at anchors.
    """

    service: Keys
    extended: Keys | None = None
    sections: Keys = field(factory=dict)


@frozen
class Form:
    """One service in up to three files, and what goes with it.

    Attributes:
        layers: one for each file.
        content: of the file ``e@``; None for no such file.
        dot_env: lines of ``.env``.
        head: lines at the top of the first file, of which a project has one.
    """

    layers: tuple[Layer, ...]
    content: str | None = None
    dot_env: str = ""
    head: str = ""


def drawn(rng: random.Random) -> Form:
    """A form at random: half of them odd texts, half of them keys that are laid over one another."""
    return rng.choice((_odd, _laid_over))(rng)


def _odd(rng: random.Random) -> Form:
    odd = rng.choice(ODD_TEXTS)(rng)
    return Form((Layer(odd.keys),), odd.content, odd.dot_env)


def _laid_over(rng: random.Random) -> Form:
    """One or two keys, in the service itself, in what it extends, and in what lies over it."""
    keys = rng.sample(list(_SERVICE), rng.randint(1, 2))
    if "deploy" in keys:
        keys = ["deploy"]  # whose limits Compose takes beside no other
    extended = rng.random() < 1 / 2
    over = rng.choice((0, 0, 1, 1, 1, 2))
    layers = [_layer(keys, rng, extended=extended)]
    layers += [_layer(keys, rng) for _ in range(over)]
    named = _named("\n".join(value for layer in layers for value in _texts(layer)))
    layers[0] = _with_sections(layers[0], named, rng)
    further = [name for name in named if rng.random() < 1 / 2]
    layers[1:] = [_with_sections(layer, further, rng) for layer in layers[1:]]
    layers = [_with_anchors(layer, rng) for layer in layers]
    said = "\n".join(text for layer in layers for text in _texts(layer))
    return Form(
        tuple(layers),
        content="A=file\nB=${A}\nC\n" if "e@" in said else None,
        dot_env=rng.choice(_DOT_ENV) if re.search("[VW]@", said) else "",
        head=rng.choice(_HEADS) if rng.random() < _SELDOM else "",
    )


def _layer(keys: list[str], rng: random.Random, *, extended: bool = False) -> Layer:
    def values() -> Keys:
        return {key: rng.choice(_SERVICE[key]) for key in keys if rng.random() < _OFTEN}

    return Layer(values(), values() if extended else None)


def _named(said: str) -> list[str]:
    """The sections that a text names an entry of."""
    return [section for section in SECTIONS if f"{section[0]}@" in said]


def _with_sections(layer: Layer, sections: list[str], rng: random.Random) -> Layer:
    entries = {name: rng.choice(_ENTRIES[name]) for name in sections}
    return Layer(layer.service, layer.extended, entries)


def _with_anchors(layer: Layer, rng: random.Random) -> Layer:
    said = "\n".join(_texts(layer))
    anchors = {name: rng.choice(_ENTRIES[name]) for name in ANCHORS if f"*{name}@" in said}
    return Layer(layer.service, layer.extended, {**anchors, **layer.sections})


def _texts(layer: Layer) -> list[str]:
    parts = (layer.service, layer.extended, layer.sections)
    return [value for part in parts for value in (part or {}).values()]


def _values(file: str) -> Values:
    """The values of a file, by key."""
    found: dict[str, list[str]] = {}
    for line in (_FOLDER / file).read_text().splitlines():
        keys, colon, value = line.partition(":")
        if colon and not line.startswith("#"):
            for key in keys.split():
                found.setdefault(key, []).append(value.strip())
    return {key: tuple(values) for key, values in found.items()}


_SERVICE: Final = _values("service.txt")
_ENTRIES: Final = _values("sections.txt")
