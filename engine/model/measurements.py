"""What an experiment hands back besides its output: numbers with their units, and files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

from attrs import field, frozen

__all__ = ["Artifact", "Measurements"]


@frozen
class Artifact:
    """A file that an experiment hands back.

    Attributes:
        path: relative to the folder of the results, with slashes.
        bytes: its size.
    """

    path: str
    bytes: int

    def to_plain(self) -> dict[str, Any]:
        """The artifact as plain data, for a record."""
        return {"path": self.path, "bytes": self.bytes}

    @classmethod
    def from_plain(cls, told: Mapping[str, Any]) -> Self:
        """An artifact from plain data.

        Raises:
            KeyError, TypeError, ValueError: it is none.
        """
        return cls(str(told["path"]), int(told["bytes"]))


@frozen
class Measurements:
    """The metrics and artifacts of one command.

    Attributes:
        metrics: numbers by their names; none of them is infinite or no number.
        units: by the name of a metric, where it has one.
        artifacts: the files that were collected, in order of their paths.
        warnings: what could not be used, one sentence each; none of it changes how the command ended.
    """

    metrics: Mapping[str, float] = field(factory=dict)
    units: Mapping[str, str] = field(factory=dict)
    artifacts: tuple[Artifact, ...] = ()
    warnings: tuple[str, ...] = ()
