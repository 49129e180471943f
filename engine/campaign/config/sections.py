"""Reading the sections of a document by tables of keys, with all findings at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from attrs import define, field, frozen

from engine.campaign.config.values import WrongValue, kind
from engine.compose.node import KeyPath
from engine.util.nearest import nearest

__all__ = ["Findings", "Key"]


@frozen
class Key:
    """One key that a section may have.

    Attributes:
        parse: makes the value, or raises WrongValue.
        into: what the value is called in the result; None for the key itself.
        required: whether the section needs it.
        keeps_kind: whether a parameter that stands for the whole value keeps its kind, as a number does for
            a time limit; else it becomes text, as in a command.
    """

    parse: Callable[[Any], Any]
    into: str | None = None
    required: bool = False
    keeps_kind: bool = False


@define
class Findings:
    """The findings so far: each a key's path and a sentence."""

    listed: list[tuple[KeyPath, str]] = field(factory=list)

    def add(self, path: KeyPath, what: str) -> None:
        """Note a finding."""
        self.listed.append((path, what))

    def section(self, path: KeyPath, value: Any, keys: Mapping[str, Key]) -> dict[str, Any]:
        """Read a mapping by its table; a key that is there and empty counts as left out.

        Returns:
            the values that are right, by the names that the table gives them.
        """
        if not isinstance(value, dict):
            self.add(
                path, f"must be a mapping with the keys {', '.join(keys)}, and is {kind(value)}"
            )
            return {}
        for name in value:
            if not isinstance(name, str):
                self.add(path, f"has a key that is {kind(name)}; keys are text")
            elif name not in keys:
                self.add((*path, name or "''"), f"unknown key{_instead(name, keys)}")
        found: dict[str, Any] = {}
        for name, key in keys.items():
            if value.get(name) is None:
                if key.required:
                    self.add((*path, name), "is missing; write it")
                continue
            try:
                found[key.into or name] = key.parse(value[name])
            except WrongValue as error:
                self.add((*path, name), str(error))
        return found


def _instead(name: str, keys: Mapping[str, Key]) -> str:
    return nearest(name, keys) or f"; known here are {', '.join(keys)}"
