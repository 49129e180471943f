"""A report as one HTML page that needs nothing else: no server, no network.

Plotly draws the timelines and the plots; its script, like our own, stands in the page. The page's own
policy (CSP) lets nothing run but these, and nothing be fetched: what a journal says cannot do either.
"""

from __future__ import annotations

import base64
import hashlib
import shlex
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from importlib.resources import files
from typing import Any, Final

from engine.campaign.runs.summary import human_s
from engine.errors import InputError, MissingExtra
from engine.report.diagram import HEIGHT, WIDTH, picture
from engine.report.model import AttemptReport, BackendReport, Report, RunReport, spread
from engine.report.palette import inks
from engine.report.tables import MEASURES
from engine.results import load, overview
from engine.results.pages import section
from engine.util.printable import printable_lines
from states import Lifecycle
from states.diagram import draw

__all__ = ["to_html"]

_SCRIPTS: Final = ("charts.js", "runs.js", "main.js")


def to_html(report: Report, lifecycle: Lifecycle | None = None) -> str:
    """A report as one HTML page.

    Args:
        lifecycle: the table to draw; None for the one that the report was gathered with.

    Raises:
        MissingExtra: Jinja or Plotly is not installed.
    """
    try:
        from jinja2 import Environment, PackageLoader, StrictUndefined
        from plotly.offline import get_plotlyjs  # type: ignore[import-untyped]
    except ImportError as error:
        raise MissingExtra("an HTML report", "report") from error
    environment = Environment(
        loader=PackageLoader("engine.report", "templates"),
        autoescape=True,
        finalize=_plain,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["human_s"] = human_s
    environment.filters["clock"] = _clock
    scripts = [_inline(get_plotlyjs()), *(_inline(_resource(name)) for name in _SCRIPTS)]
    return environment.get_template("report.html.j2").render(
        report=report,
        data=_plain(page_data(report)),
        measures=_measures(report),
        picture=picture(draw(lifecycle or report.lifecycle, report.course)),
        width=WIDTH,
        height=HEIGHT,
        inks=inks(band.state for backend in report.backends for band in backend.bands),
        style=_resource("report.css"),
        scripts=scripts,
        comparison=_comparison(report),
        hashes=[_hash(script) for script in scripts],
        version=version("dockwarden"),
    )


def _comparison(report: Report) -> str:
    """Render the measurements by the varied parameters, as markup; empty if there are none."""
    try:
        found = overview(load(report.journal.parent))
    except InputError:  # the journal lies alone
        return ""
    return "" if found is None else section(found, "h3")


def _plain(value: Any) -> Any:
    """A value of the page without what would reorder or hide its text; the page's markup stays as it is."""
    if isinstance(value, Mapping):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, str) and not hasattr(value, "__html__"):
        return printable_lines(value)
    return value


def _resource(name: str) -> str:
    return files("engine.report").joinpath("templates", name).read_text(encoding="utf-8")


def _inline(script: str) -> str:
    """A script as it may stand within an element: nothing in it ends that."""
    return script.replace("</script", "<\\/script").replace("<!--", "<\\!--")


def _hash(script: str) -> str:
    """Return the hash by which the page's policy identifies a script."""
    return f"sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}"


def _clock(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def _measures(report: Report) -> list[tuple[str, Any]]:
    """Return the measures of the attempts: in words, with their distribution."""
    told = []
    for name, words in MEASURES.items():
        known = [value for one in report.attempts if (value := getattr(one, name)) is not None]
        if found := spread(known):
            told.append((words, found))
    return told


# What the page's scripts draw


def page_data(report: Report) -> Mapping[str, Any]:
    """Return the data for the page's scripts; moments are milliseconds since 1970, as scripts count."""
    return {
        "from": _ms(report.from_at),
        "until": _ms(report.until_at),
        "backends": [_backend(backend) for backend in report.backends],
        "runs": [_run(run) for run in report.runs],
    }


def _backend(one: BackendReport) -> Mapping[str, Any]:
    return {
        "name": one.name,
        "bands": [
            [band.state, _ms(band.from_at), _ms(band.until_at), band.reason] for band in one.bands
        ],
        "restarts": [[_ms(each.at), each.event, each.reason] for each in one.restarts],
        "looks": [
            [_ms(look.at), look.memory_used_bytes, look.baseline_bytes, look.health, look.reason]
            for look in one.looks
        ],
        "memory_total_bytes": max((look.memory_total_bytes or 0 for look in one.looks), default=0),
    }


def _run(one: RunReport) -> Mapping[str, Any]:
    return {
        "run": one.run,
        "experiment": one.experiment,
        "backend": one.backend,
        "cycle": one.cycle,
        "repeat": one.repeat,
        "state": one.state,
        "reason": one.reason,
        "aside": one.aside,
        "earlier": one.earlier,
        "values": one.values,
        "spent_s": round(one.spent_s, 3),
        "attempts": [_attempt(attempt) for attempt in one.attempts],
    }


def _attempt(one: AttemptReport) -> Mapping[str, Any]:
    return {
        "number": one.number,
        "result": one.result,
        "exit_code": one.exit_code,
        "reason": "; ".join(filter(None, (one.reason, _left(one)))),
        "from": _ms(one.dispatched_at or one.begun_at),
        "until": None if one.ended_at is None else _ms(one.ended_at),
        "generation": one.generation,
        "container": one.container_id,
        "command": shlex.join(one.quoted.command),
        "stdout": one.quoted.stdout,
        "stderr": one.quoted.stderr,
        "log": one.quoted.backend_log,
        "stdout_lines": one.quoted.stdout_lines,
        "stderr_lines": one.quoted.stderr_lines,
        "about": {**one.quoted.params, **one.quoted.keys},
        "metrics": [
            [name, value, one.quoted.units.get(name, "")]
            for name, value in one.quoted.metrics.items()
        ],
        "artifacts": [[file.path, file.bytes] for file in one.quoted.artifacts],
        "warnings": one.quoted.warnings,
        "beside": one.quoted.beside or (),
        "gpus_shared_with": one.quoted.gpus_shared_with or (),
        **{name: _rounded(getattr(one, name)) for name in MEASURES},
    }


def _left(one: AttemptReport) -> str:
    """Describe the processes that it left running."""
    return f"it left running: {', '.join(map(str, one.left))}" if one.left else ""


def _ms(at: datetime) -> int:
    return round(at.timestamp() * 1000)


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 4)
