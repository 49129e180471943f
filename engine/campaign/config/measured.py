"""Metrics and artifacts in a campaign file: strict parsers of their keys."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import jmespath
import jmespath.exceptions

from engine.campaign.config.values import WrongValue, choice, kind, text, words
from engine.measurements.lines import compiled
from engine.model.measurements import MetricPath, MetricPattern, MetricsFile
from engine.util import path_pattern
from engine.util.nearest import nearest

__all__ = ["metric_patterns", "metrics_files", "path_patterns"]

_STREAMS: Final = {"stdout": "stdout", "stderr": "stderr"}
_LONGEST_NAME: Final = 200


def metric_patterns(value: Any) -> Mapping[str, MetricPattern]:
    """Metrics and the regular expressions that find them in the output."""
    return {name: _pattern(name, written) for name, written in _named(value).items()}


def _pattern(name: str, written: Any) -> MetricPattern:
    if isinstance(written, str):
        written = {"pattern": written}
    found = _section(name, written, required="pattern", optional=("unit", "from"))
    pattern, unit, stream = text(found["pattern"]), found.get("unit"), found.get("from")
    try:
        groups = compiled(pattern)
    except ValueError as error:
        raise WrongValue(f"{name} {error}") from error
    if groups.groups > 1 and "value" not in groups.groupindex:
        raise WrongValue(
            f"{name} has {groups.groups} groups; name the one with the number: (?P<value>...)"
        )
    return MetricPattern(
        pattern,
        None if unit is None else text(unit),
        None if stream is None else choice(_STREAMS)(stream),  # type: ignore[arg-type]
    )


def metrics_files(value: Any) -> tuple[MetricsFile, ...]:
    """JSON files that metrics are taken from: a path, a mapping, or a list of these."""
    listed = value if isinstance(value, list) else [value]
    if not listed:
        raise WrongValue("must name a file, or a list of files")
    return tuple(_metrics_file(one) for one in listed)


def _metrics_file(written: Any) -> MetricsFile:
    if isinstance(written, str):
        return MetricsFile(_path(written))
    found = _section("its entry", written, required="file", optional=("values",))
    values = found.get("values")
    if values is None:
        return MetricsFile(_path(found["file"]))
    return MetricsFile(
        _path(found["file"]), {name: _place(name, one) for name, one in _named(values).items()}
    )


def _place(name: str, written: Any) -> MetricPath:
    if isinstance(written, str):
        written = {"path": written}
    found = _section(name, written, required="path", optional=("unit",))
    path, unit = text(found["path"]), found.get("unit")
    if path.startswith("$"):
        raise WrongValue(
            f"{name} must be a JMESPath such as results[0].mean, without the leading $"
        )
    try:
        jmespath.compile(path)
    except (jmespath.exceptions.JMESPathError, RecursionError) as error:
        said = " ".join(str(error).split())
        raise WrongValue(f"{name} is no JMESPath such as results[0].mean: {said}") from error
    return MetricPath(path, None if unit is None else text(unit))


def path_patterns(value: Any) -> tuple[str, ...]:
    """Patterns of files within the backend: one, or a list."""
    listed = (value,) if isinstance(value, str) else words(value)
    return tuple(_path(one) for one in listed)


def _path(value: Any) -> str:
    path = text(value)
    wrong = path_pattern.problem(path)
    if wrong:
        raise WrongValue(wrong)
    return path


def _named(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise WrongValue(f"must be a mapping of names of metrics, and is {kind(value)}")
    for name in value:
        if (
            not isinstance(name, str)
            or not 0 < len(name) <= _LONGEST_NAME
            or not name.isprintable()
        ):
            raise WrongValue("has a key that is no name of a metric; names are short text")
    return value


def _section(
    name: str, value: Any, *, required: str, optional: tuple[str, ...]
) -> Mapping[str, Any]:
    """A small mapping with known keys."""
    if not isinstance(value, dict):
        raise WrongValue(f"{name} must be text or a mapping with {required}, and is {kind(value)}")
    known = (required, *optional)
    for key in value:
        if key not in known:
            near = nearest(key, known) if isinstance(key, str) else ""
            instead = near or f"; known here are {', '.join(known)}"
            raise WrongValue(f"{name} has the unknown key {key!r}{instead}")
    if value.get(required) is None:
        raise WrongValue(f"{name} needs {required}")
    return value
