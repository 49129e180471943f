"""The results that an experiment hands back besides its output: numbers with units, and files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal, Self

from attrs import field, frozen

__all__ = [
    "MAX_ARTIFACTS_BYTES",
    "Artifact",
    "Declared",
    "Measurements",
    "MetricPath",
    "MetricPattern",
    "MetricsFile",
]

MAX_ARTIFACTS_BYTES: Final = 2**30
"""How many bytes of artifacts one command hands back, unless it is said otherwise."""


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
        metrics: numbers by their names; each is finite.
        units: by the name of a metric, where it has one.
        artifacts: the files that were collected, in order of their paths.
        warnings: what could not be used, one sentence each; none of it changes how the command ended.
    """

    metrics: Mapping[str, float] = field(factory=dict)
    units: Mapping[str, str] = field(factory=dict)
    artifacts: tuple[Artifact, ...] = ()
    warnings: tuple[str, ...] = ()


@frozen
class MetricPattern:
    """The place of a number in a command's output.

    Attributes:
        pattern: a regular expression, searched for in each line. The number is its group ``value``, else its
            first group, else all that it matches.
        unit: of the number; None where it has none.
        stream: stdout or stderr; None for whichever has it, stdout first.
    """

    pattern: str
    unit: str | None = None
    stream: Literal["stdout", "stderr"] | None = None


@frozen
class MetricPath:
    """The place of a number in a JSON file.

    Attributes:
        path: a JMESPath expression.
        unit: of the number; None where it has none.
    """

    path: str
    unit: str | None = None


@frozen
class MetricsFile:
    """A JSON file that a command's program writes.

    Attributes:
        file: its path, or a pattern that one path matches: absolute within the backend, or relative to the
            artifacts and to the command's working directory.
        values: what is taken from it, by the names of the metrics; None for each number in it.
    """

    file: str
    values: Mapping[str, MetricPath] | None = None


@frozen
class Declared:
    """The results to collect of a command besides ``DOCKWARDEN_METRICS`` and ``DOCKWARDEN_ARTIFACTS``.

    Attributes:
        patterns: numbers in its output, by the names of the metrics.
        files: JSON files that it writes.
        artifacts: patterns of paths within the backend: ``*`` and ``?`` within a name, ``**`` for any
            number of folders. One that names a folder stands for all in it.
        max_artifacts_bytes: how many bytes of artifacts are collected; of further files there is a warning.
    """

    patterns: Mapping[str, MetricPattern] = field(factory=dict)
    files: tuple[MetricsFile, ...] = ()
    artifacts: tuple[str, ...] = ()
    max_artifacts_bytes: int = MAX_ARTIFACTS_BYTES

    @property
    def fetched(self) -> tuple[str, ...]:
        """The patterns of the files that are fetched from where the command's program writes them."""
        return tuple(dict.fromkeys((*self.artifacts, *(one.file for one in self.files))))
