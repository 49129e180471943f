"""The metrics and artifacts of a command whose output lies among the results."""

from __future__ import annotations

from pathlib import Path, PurePath
from typing import Any, Final

import jmespath
import jmespath.exceptions

from engine.measurements import lines
from engine.measurements.numbers import Numbers, Unreadable, decoded, flattened, number
from engine.model.measurements import Artifact, Declared, Measurements, MetricsFile
from engine.spool.below import folder_below, read_below, tail_of
from engine.spool.handed import ARTIFACTS, METRICS, MOST_METRICS_BYTES, Warnings, walk
from engine.util.path_pattern import matches

__all__ = ["measure"]

_STREAMS: Final = ("stdout", "stderr")
_MOST_FILE_BYTES: Final = 2**25
"""How large a JSON file may be that metrics are taken from."""


def measure(
    results: Path,
    within: PurePath,
    declared: Declared,
    warnings: tuple[str, ...] = (),
    *,
    succeeded: bool,
) -> Measurements:
    """Read what a command has left behind; call it on a thread.

    Args:
        results: a folder that is trusted.
        within: the folder of the command's output, relative to it.
        declared: what is looked for besides.
        warnings: what could not be collected.
        succeeded: whether the command ended as it should: one that did not may lack anything.

    Returns:
        all that can be used; where a name is found twice, a declared file outdoes the command's own
        metrics, and a pattern outdoes both.
    """
    numbers = Numbers()
    for warning in warnings:
        numbers.warnings.add(warning)
    artifacts = _artifacts(results, within)
    _read_own(results, within, numbers)
    missing = numbers if succeeded else Numbers()
    for pattern in declared.artifacts:
        if not _those_of(pattern, artifacts, within / ARTIFACTS):
            missing.warnings.add(f"no file is collected of the artifacts {pattern}")
    for file in declared.files:
        artifact = _named(file, artifacts, within / ARTIFACTS, missing.warnings)
        if artifact is not None:
            _read_file(results, file, artifact, numbers)
    if declared.patterns:
        lines.search(declared.patterns, _outputs(results, within), missing)
        numbers.metrics |= missing.metrics
        numbers.units |= missing.units
    return Measurements(numbers.metrics, numbers.units, artifacts, numbers.warnings.told())


def _artifacts(results: Path, within: PurePath) -> tuple[Artifact, ...]:
    folder = within / ARTIFACTS
    try:
        with folder_below(results, folder) as inside:
            return tuple(Artifact(str(folder / path), size) for path, size in walk(inside))
    except OSError:
        return ()  # nothing was handed back


def _read_own(results: Path, within: PurePath, numbers: Numbers) -> None:
    """Take in the file at DOCKWARDEN_METRICS."""
    try:
        data = read_below(results, within / METRICS, MOST_METRICS_BYTES)
    except OSError:
        return  # it wrote none
    source = "DOCKWARDEN_METRICS"
    try:
        found = decoded(data)
    except Unreadable as error:
        numbers.warnings.add(f"{source} {error}")
        return
    for name, value, unit in flattened(found, numbers.warnings, source=source):
        numbers.take(name, value, unit, source=source)


def _named(
    wanted: MetricsFile, artifacts: tuple[Artifact, ...], folder: PurePath, warnings: Warnings
) -> Artifact | None:
    """The artifact that a declared file is; None with a warning where that is not one."""
    found = _those_of(wanted.file, artifacts, folder)
    if len(found) == 1:
        return found[0]
    what = f"{len(found)} files match" if found else "no file matches"
    warnings.add(f"{what} metrics_from {wanted.file}; name one")
    return None


def _those_of(pattern: str, artifacts: tuple[Artifact, ...], folder: PurePath) -> list[Artifact]:
    """The artifacts that are a pattern's."""
    wanted = pattern.lstrip("/")
    return [
        one for one in artifacts if matches(wanted, str(PurePath(one.path).relative_to(folder)))
    ]


def _read_file(results: Path, wanted: MetricsFile, artifact: Artifact, numbers: Numbers) -> None:
    """Take in a file that the command's program wrote."""
    if artifact.bytes > _MOST_FILE_BYTES:
        numbers.warnings.add(
            f"{wanted.file} has {artifact.bytes} bytes; metrics are taken from at most {_MOST_FILE_BYTES}"
        )
        return
    try:
        found = decoded(read_below(results, PurePath(artifact.path), _MOST_FILE_BYTES))
    except Unreadable as error:
        numbers.warnings.add(f"{wanted.file} {error}")
        return
    except OSError as error:
        numbers.warnings.add(f"{wanted.file} cannot be read: {error.strerror or error}")
        return
    if wanted.values is None:
        _take_all(wanted.file, found, numbers)
        return
    for name, place in wanted.values.items():
        source = f"{wanted.file} at {place.path}"
        try:
            numbers.take(name, jmespath.search(place.path, found), place.unit, source=source)
        except (jmespath.exceptions.JMESPathError, RecursionError) as error:
            # A function that was given a value of another kind, or a document that is nested too deeply.
            numbers.warnings.add(f"{source}: {error}")


def _take_all(file: str, found: Any, numbers: Numbers) -> None:
    """Take in each number of a file; a program's own file holds much else, which is passed over."""
    for name, value, unit in flattened(found, numbers.warnings, source=file):
        if not isinstance(number(value), str):
            numbers.take(name, value, unit, source=file)


def _outputs(results: Path, within: PurePath) -> dict[str, bytes]:
    try:
        with folder_below(results, within) as inside:
            return {name: _tail(inside, name) for name in _STREAMS}
    except OSError:
        return dict.fromkeys(_STREAMS, b"")


def _tail(folder: int, name: str) -> bytes:
    try:
        return tail_of(folder, name, lines.MOST_OUTPUT_BYTES)
    except OSError:
        return b""
