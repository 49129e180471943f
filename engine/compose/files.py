"""Reading compose files: YAML to plain values, with nothing lost and nothing guessed.

YAML 1.2 with the few readings in which Compose differs: ``010`` is octal, ``0b11`` binary, ``1_000`` a
thousand, and ``<<`` merges. A tab may stand where Compose takes one. A value that Compose reads as
something the author is unlikely to mean, such as a date, is refused. Its own tags ``!reset`` and ``!override`` are understood.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from attrs import frozen
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from engine.compose.node import KeyPath, compose_error
from engine.compose.yaml_dialect import Constructor, TabScanner, Tagged, Unquoted
from engine.compose.yaml_errors import problem
from engine.errors import ComposeError

__all__ = ["DEFAULT_FILE", "DEFAULT_NAMES", "Document", "override_of", "parse", "read"]

DEFAULT_FILE = "docker-compose.yml"
"""The file that is read if none is named."""

DEFAULT_NAMES = ("compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml")
"""The names that Compose looks for, in its order."""

_OVERRIDE_NAMES = (
    "compose.override.yml",
    "compose.override.yaml",
    "docker-compose.override.yml",
    "docker-compose.override.yaml",
)

_MOST_VALUES = 500_000  # an alias may repeat its anchor's values; beyond this it is a bomb
_DEEPEST = 100
_SECTION_DEPTH = 2
_NAMED_FREELY = frozenset(
    {
        "annotations",
        "args",
        "aux_addresses",
        "driver_opts",
        "environment",
        "extra_hosts",
        "labels",
        "options",
        "storage_opt",
        "sysctls",
    }
)
_HALF_CHARACTER = re.compile("[\ud800-\udfff]")


@frozen
class Document:
    """One YAML document of a compose file.

    Attributes:
        file: its file, as the user named it.
        data: the model, without ``x-`` keys at the top.
        replaced: the keys that are not merged with those of earlier files (``!reset``, ``!override``).
        is_printed: whether real Compose has made it, and so found it right.
    """

    file: str
    data: dict[str, Any]
    replaced: tuple[KeyPath, ...] = ()
    is_printed: bool = False


def override_of(file: Path) -> Path | None:
    """The override file that Compose merges over this one; only files with a default name have one."""
    if file.name not in DEFAULT_NAMES:
        return None
    candidates = (file.with_name(name) for name in _OVERRIDE_NAMES)
    return next((candidate for candidate in candidates if candidate.is_file()), None)


def read(file: Path, name: str, *, may_be_empty: bool = False) -> list[Document]:
    """Read the documents of a compose file.

    Args:
        file: where it is.
        name: how the user named it, for errors.
        may_be_empty: whether it may hold nothing, as a file may that is laid over another.

    Raises:
        ComposeError: it cannot be read, or is not YAML that Compose takes.
    """
    try:
        written = file.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise ComposeError(f"there is no such file{_beside(file)}", file=name) from error
    except UnicodeDecodeError as error:
        raise ComposeError("it is not UTF-8 text; is it a compose file?", file=name) from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ComposeError(f"it cannot be read: {reason}", file=name) from error
    return list(parse(written, name, may_be_empty=may_be_empty))


def parse(written: str, name: str, *, may_be_empty: bool = False) -> Iterator[Document]:
    """Parse the text of a compose file.

    Raises:
        ComposeError: it is not YAML, or not a mapping, or has a key twice.
    """
    yaml = YAML(typ="safe", pure=True)
    yaml.composer.warn_double_anchors = False  # YAML allows an anchor's name to be used again
    yaml.Constructor = Constructor
    yaml.Scanner = TabScanner
    try:
        documents = list(yaml.load_all(written))
    except RecursionError as error:
        raise ComposeError("it is nested too deeply", file=name) from error
    except (YAMLError, ValueError, TypeError, LookupError, AttributeError, AssertionError) as error:
        # The library lets other exceptions out for some malformed scalars and directives.
        raise ComposeError(problem(error), file=name) from error
    mappings = [document for document in documents if document is not None]
    if not mappings and not may_be_empty:
        raise ComposeError("the file is empty; it needs at least a services section", file=name)
    for document in mappings:
        yield _document(document, name)


def _document(document: Any, name: str) -> Document:
    if not isinstance(document, dict):
        raise ComposeError("the file must be a mapping with a services section", file=name)
    cleaner = _Cleaner(name)
    data = cleaner.clean({k: v for k, v in document.items() if not str(k).startswith("x-")}, ())
    return Document(file=name, data=data, replaced=tuple(cleaner.replaced))


class _Cleaner:
    """Copies what YAML gave into plain dicts, lists and scalars; aliases become copies."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.replaced: list[KeyPath] = []
        self._values = 0

    def clean(self, value: Any, path: KeyPath) -> Any:
        self._values += 1
        if self._values > _MOST_VALUES:
            raise ComposeError(f"its aliases unfold to over {_MOST_VALUES} values", file=self.name)
        if len(path) > _DEEPEST:
            raise compose_error(self.name, path[:4], "it is nested too deeply, or contains itself")
        if isinstance(value, Tagged):
            self.replaced.append(path)
            return self.clean(value.value, path)
        if isinstance(value, dict):
            return {
                self._key(key, path): self.clean(inner, (*path, str(key)))
                for key, inner in value.items()
                if not (isinstance(inner, Tagged) and self._reset(inner, (*path, str(key))))
            }
        if isinstance(value, list):
            return [
                self.clean(inner, (*path, index))
                for index, inner in enumerate(value)
                if not (isinstance(inner, Tagged) and inner.reset)
            ]
        return self._scalar(value, path)

    def _reset(self, inner: Tagged, path: KeyPath) -> bool:
        if inner.reset:
            self.replaced.append(path)
        return inner.reset

    def _key(self, key: Any, path: KeyPath) -> str:
        if not isinstance(key, str):
            shown = key.written if isinstance(key, Unquoted) else key
            raise compose_error(self.name, path, f'the key {shown!s} is not text; write "{shown}"')
        if key.startswith("x-") and _is_named_freely(path):
            reason = (
                "Compose takes what begins with x- in a mapping for an extension; write a list of"
                " NAME=value, or choose another name"
            )
            raise compose_error(self.name, (*path, key), reason)
        return str(self._scalar(key, path))

    def _scalar(self, value: Any, path: KeyPath) -> Any:
        if isinstance(value, str) and _HALF_CHARACTER.search(value):
            raise compose_error(
                self.name,
                path,
                r"an escape here (\ud800 to \udfff) is half a character; write it whole",
            )
        finite = not isinstance(value, float) or math.isfinite(value)
        if isinstance(value, str | bool | int | float | None) and finite:
            return value
        if isinstance(value, bytes):
            return value.decode("utf-8", errors="replace")
        if isinstance(value, Unquoted):
            raise compose_error(
                self.name,
                path,
                f"{value.written} is {value.meaning}; put it in quotes",
            )
        shown = value if isinstance(value, float) else type(value).__name__
        raise compose_error(
            self.name, path, f"a value of this kind ({shown}) means nothing to Compose"
        )


def _is_named_freely(path: KeyPath) -> bool:
    """Whether the keys here are names that the author chose, of a label or the like."""
    inside = path[_SECTION_DEPTH:]
    return bool(inside) and inside[-1] in _NAMED_FREELY and not any(map(_is_extension, path))


def _is_extension(key: str | int) -> bool:
    return str(key).startswith("x-")


def _beside(file: Path) -> str:
    """Suggest what to do about a missing file, by the files beside it."""
    try:
        found = [name for name in DEFAULT_NAMES if (file.parent / name).is_file()]
    except (OSError, ValueError):
        found = []
    if found:
        return f"; beside it lies {found[0]}: name that one"
    return f" in {file.parent}; name the compose file, or create it"
