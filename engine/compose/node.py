"""A value of the model together with where it was written, so that every error can say it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from attrs import frozen

from engine.errors import ComposeError
from engine.model.spec import Refusal

__all__ = ["KeyPath", "Node", "Sources", "compose_error", "dotted", "refusal"]

KeyPath = tuple[str | int, ...]
T = TypeVar("T")

_SERVICE_DEPTH = 2


def dotted(path: KeyPath) -> str:
    """A key path as people write it: ``services.vllm.ports[0]``."""
    shown = (f"[{key}]" if isinstance(key, int) else f".{_shown(key)}" for key in path)
    return "".join(shown).lstrip(".")


def _shown(key: str) -> str:
    """A key as it can be printed on one line."""
    return key if key.isprintable() else ascii(key)


def compose_error(file: str, path: KeyPath, message: str) -> ComposeError:
    """An error about one key of one file."""
    service = str(path[1]) if len(path) >= _SERVICE_DEPTH and path[0] == "services" else None
    return ComposeError(message, file=file, service=service, key=dotted(path) or None)


def refusal(error: ComposeError) -> Refusal:
    """The error as one that stops only what needs its service."""
    key = error.key or ""
    reason = str(error).removeprefix(f"{error.file}: {key}: ")
    return Refusal(file=error.file, key=key, reason=reason)


@frozen
class Sources:
    """The documents that a model was merged from, in order, each with its file as the user named it."""

    documents: tuple[tuple[str, Any], ...]

    def file_of(self, path: KeyPath) -> str:
        """The last file that writes this key, or as much of its path as any does."""
        depths = [(_depth(data, path), index) for index, (_, data) in enumerate(self.documents)]
        return self.documents[max(depths)[1]][0]


def _depth(data: Any, path: KeyPath) -> int:
    for depth, key in enumerate(path):
        if not isinstance(data, dict) or key not in data:
            return depth
        data = data[key]
    return len(path)


@frozen
class Node:
    """A value of the merged model, and its path."""

    value: Any
    path: KeyPath
    sources: Sources

    def get(self, key: str) -> Node:
        """The value under a key; a node of None where there is none."""
        inner = self.value.get(key) if isinstance(self.value, dict) else None
        return Node(inner, (*self.path, key), self.sources)

    def at(self, *keys: str) -> Node:
        """The value under a chain of keys."""
        node = self
        for key in keys:
            node = node.get(key)
        return node

    def items(self) -> Iterator[tuple[str, Node]]:
        """The entries of a mapping; none for an empty value."""
        for key in self.value or ():
            yield key, self.get(key)

    def elements(self) -> Iterator[Node]:
        """The elements of a list; none for an empty value."""
        for index, value in enumerate(self.value or ()):
            yield Node(value, (*self.path, index), self.sources)

    def read(self, parse: Callable[[Any], T]) -> T:
        """The value as ``parse`` makes it; what it finds wrong is an error about this key."""
        try:
            return parse(self.value)
        except ValueError as error:
            raise self.error(str(error)) from error

    def optional(self, parse: Callable[[Any], T]) -> T | None:
        """Likewise, or None where the key is absent or empty."""
        return None if self.value is None else self.read(parse)

    @property
    def file(self) -> str:
        """The file that this was written in."""
        return self.sources.file_of(self.path)

    def error(self, message: str) -> ComposeError:
        """An error about this key."""
        return compose_error(self.file, self.path, message)
