"""Reading compose files: YAML to plain values, with nothing lost and nothing guessed.

YAML 1.2 with the few readings in which Compose differs: ``010`` is octal, ``0b11`` binary, ``1_000`` a
thousand, and ``<<`` merges. A tab may stand where Compose takes one. A value that Compose reads as
something the author is unlikely to mean, such as a date, is refused. Its own tags ``!reset`` and ``!override`` are understood.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from attrs import frozen
from ruamel.yaml import YAML
from ruamel.yaml.constructor import SafeConstructor
from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import MappingNode, ScalarNode, SequenceNode
from ruamel.yaml.scanner import Scanner

from engine.compose.node import KeyPath, compose_error
from engine.compose.yaml_errors import problem
from engine.errors import ComposeError

__all__ = ["DEFAULT_FILE", "DEFAULT_NAMES", "Document", "override_of", "parse", "read"]

DEFAULT_FILE = "docker-compose.yml"
"""What is read where no file is named."""

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
_SMALLEST, _LARGEST = (
    -(2**63),
    2**64 - 1,
)  # of what Go reads as a whole number; beyond it is a float
_DECIMAL = 10
_LINE_BREAKS = "\r\n\x85\u2028\u2029"
_ODD_NUMBER = re.compile(r"(?:[-+]_|[-+]?\.[0-9]*_)[0-9_.eE+-]*")
_HALF_CHARACTER = re.compile("[\ud800-\udfff]")
_BIG_LETTER = re.compile(r"[-+]?0(?:X[0-9a-fA-F_]+|B[01_]+|O[0-7_]+)")


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


@frozen
class _Tagged:
    """A value under ``!reset``, which is dropped, or under ``!override``."""

    reset: bool
    value: Any


@frozen
class _Unquoted:
    """What was written without quotes, and means something the author is unlikely to mean."""

    written: str
    meaning: str


class _TabScanner(Scanner):
    """The scanner, with tabs where Compose takes them: anywhere but in indentation."""

    def scan_to_next_token(self) -> Any:
        while self.reader.peek() in " \t" and (self.flow_level > 0 or not self.allow_simple_key):
            self.reader.forward()
        return super().scan_to_next_token()

    def scan_plain_spaces(self, indent: Any, start_mark: Any) -> Any:
        length = 0
        while self.reader.peek(length) in " \t":
            length += 1
        spaces = self.reader.prefix(length)
        self.reader.forward(length)
        if self.reader.peek() in _LINE_BREAKS:
            return super().scan_plain_spaces(indent, start_mark)
        return [spaces] if spaces else []


class _Constructor(SafeConstructor):
    """The safe constructor, with numbers as Compose reads them."""

    def construct_yaml_int(self, node: Any) -> Any:
        written = str(self.construct_scalar(node)).replace("_", "")
        digits = written.lstrip("+-")
        octal = digits[:1] == "0" != digits and digits.isdecimal() and not set(digits) & {"8", "9"}
        base = 8 if octal else 0 if digits[:2].lower() in {"0x", "0o", "0b"} else 10
        whole = int(written, base)
        if _SMALLEST <= whole <= _LARGEST and written != "-0":
            return whole
        return float(written) if base == _DECIMAL else str(node.value)

    def construct_yaml_float(self, node: Any) -> Any:
        if _ODD_NUMBER.fullmatch(node.value):
            return _Unquoted(str(node.value), "read by each program in its own way")
        real = super().construct_yaml_float(node)
        return str(node.value) if math.isinf(real) and "inf" not in node.value.lower() else real

    def construct_yaml_str(self, node: Any) -> Any:
        written = super().construct_yaml_str(node)
        if node.style is None and _ODD_NUMBER.fullmatch(written):
            return _Unquoted(written, "a number for Compose")
        is_number = node.style is None and _BIG_LETTER.fullmatch(written)
        return int(written.replace("_", ""), 0) if is_number else written

    def construct_text(self, node: Any) -> str:
        return str(node.value)

    def construct_date(self, node: Any) -> _Unquoted:
        return _Unquoted(str(node.value), "a date, which Compose writes out with its time")

    def construct_tagged(self, node: Any) -> Any:
        build: dict[type, Callable[[], Any]] = {
            MappingNode: lambda: self.construct_mapping(node, deep=True),
            SequenceNode: lambda: self.construct_sequence(node, deep=True),
            ScalarNode: lambda: self.construct_scalar(node),
        }
        return _Tagged(reset=str(node.tag) == "!reset", value=build[type(node)]())


_Constructor.add_constructor("tag:yaml.org,2002:int", _Constructor.construct_yaml_int)
_Constructor.add_constructor("tag:yaml.org,2002:float", _Constructor.construct_yaml_float)
_Constructor.add_constructor("tag:yaml.org,2002:str", _Constructor.construct_yaml_str)
_Constructor.add_constructor("tag:yaml.org,2002:timestamp", _Constructor.construct_date)
_Constructor.add_constructor("tag:yaml.org,2002:value", _Constructor.construct_text)
_Constructor.add_constructor("!reset", _Constructor.construct_tagged)
_Constructor.add_constructor("!override", _Constructor.construct_tagged)


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
    yaml.Constructor = _Constructor
    yaml.Scanner = _TabScanner
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
        if isinstance(value, _Tagged):
            self.replaced.append(path)
            return self.clean(value.value, path)
        if isinstance(value, dict):
            return {
                self._key(key, path): self.clean(inner, (*path, str(key)))
                for key, inner in value.items()
                if not (isinstance(inner, _Tagged) and self._reset(inner, (*path, str(key))))
            }
        if isinstance(value, list):
            return [self.clean(inner, (*path, index)) for index, inner in enumerate(value)]
        return self._scalar(value, path)

    def _reset(self, inner: _Tagged, path: KeyPath) -> bool:
        if inner.reset:
            self.replaced.append(path)
        return inner.reset

    def _key(self, key: Any, path: KeyPath) -> str:
        if not isinstance(key, str):
            raise compose_error(self.name, path, f'the key {key!r} is not text; write "{key}"')
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
        if isinstance(value, _Unquoted):
            raise compose_error(
                self.name,
                path,
                f"{value.written} is {value.meaning}; put it in quotes",
            )
        shown = value if isinstance(value, float) else type(value).__name__
        raise compose_error(
            self.name, path, f"a value of this kind ({shown}) means nothing to Compose"
        )


def _beside(file: Path) -> str:
    """What to do about a missing file, judging by what lies beside it."""
    try:
        found = [name for name in DEFAULT_NAMES if (file.parent / name).is_file()]
    except (OSError, ValueError):
        found = []
    if found:
        return f"; beside it lies {found[0]}: name that one"
    return f" in {file.parent}; name the compose file, or create it"
