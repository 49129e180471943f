"""A campaign's scene as it is drawn on a terminal, as wide or narrow as that is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from attrs import frozen
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from engine.campaign.runs.summary import human_s
from engine.campaign.snapshot import STOPPING, BackendScene, Scene
from engine.model.results import GpuLook
from engine.util.printable import printable

__all__ = ["Picture"]

_NEVER: Final = "-"
_GIB: Final = 2**30
_WIDE: Final = 78
"""From so many columns on it is a table; below, a few lines for each backend."""
_ROOMY: Final = 100
_BAR: Final = 30

_COLUMNS: Final = {
    "backend": 8,
    "state": 10,
    "for": 7,
    "start": 0,
    "GPU GiB": 7,
    "experiment": 12,
    "since": 7,
    "done": 5,
    "left": 0,
}
"""The headings, and how wide a column is at least, so that the table does not jump about."""

_STYLES: Final = {
    "starting": "yellow",
    "ready": "green",
    "busy": "cyan",
    "unhealthy": "red",
    "restarting": "yellow",
    "exhausted": "bold red",
    STOPPING: "dim",
    "completed": "green",
    "failed": "red",
    "lost": "red",
    "skipped": "yellow",
}


@frozen
class Picture:
    """A scene, to be drawn by rich."""

    scene: Scene

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Draw it."""
        wide = options.max_width >= _WIDE
        if wide:
            yield _table(self.scene, roomy=options.max_width >= _ROOMY)
        else:
            yield Group(*map(_lines, self.scene.backends))
        if wide:
            yield from _notes(self.scene)
        yield from _progress(self.scene, min(_BAR, options.max_width), beside=wide)


def _table(scene: Scene, *, roomy: bool) -> Table:
    table = Table(
        box=None, pad_edge=False, header_style="bold", padding=(0, 2 if roomy else 1, 0, 0)
    )
    dropped = set() if roomy else {"start"}
    if all(one.look is None for one in scene.backends):
        dropped.add("GPU GiB")
    headings = {name: width for name, width in _COLUMNS.items() if name not in dropped}
    for heading, width in headings.items():
        table.add_column(heading, min_width=width, no_wrap=True, overflow="ellipsis")
    for one in scene.backends:
        cells = _cells(one)
        table.add_row(*(cells[heading] for heading in headings))
    return table


def _cells(one: BackendScene) -> dict[str, RenderableType]:
    return {
        "backend": _text(one.name),
        "state": _state(one.state),
        "for": _NEVER if one.for_s is None else human_s(one.for_s),
        "start": str(one.generation or _NEVER),
        "GPU GiB": _memory(one.look) or _NEVER,
        "experiment": _text(one.run or _NEVER),
        "since": human_s(one.run_s) if one.run else _NEVER,
        "done": f"{one.settled}/{one.runs}",
        "left": _NEVER if one.restarts_left is None else str(one.restarts_left),
    }


def _notes(scene: Scene) -> Iterator[RenderableType]:
    """The last output and measurements of experiments, and the faults of backends."""
    for one in scene.backends:
        last = one.last_line if one.run else ""
        for text, style in ((one.reason, "yellow"), (last, "dim"), (one.metrics, "cyan")):
            if text:
                note = _text(f"{one.name}: ", "bold").append_text(_text(text, style))
                yield _cut(note)


def _lines(one: BackendScene) -> RenderableType:
    """A backend where there is no room for a table."""
    head = _text(one.name, "bold").append(" ").append_text(_state(one.state))
    head.append("" if one.for_s is None else f" {human_s(one.for_s)}")
    left = "" if one.restarts_left is None else f", {one.restarts_left} restarts left"
    lines = [head, Text(f"  {one.settled}/{one.runs} done{left}")]
    if one.look is not None and _memory(one.look):
        lines.append(Text(f"  GPU {_memory(one.look)} GiB"))
    if one.run:
        lines.append(_text(f"  {one.run} {human_s(one.run_s)}"))
    lines += [
        _text(f"  {text}", "dim") for text in (one.reason, one.last_line, one.metrics) if text
    ]
    return Group(*map(_cut, lines))


def _progress(scene: Scene, width: int, *, beside: bool) -> Iterator[RenderableType]:
    text = Text(f"{scene.settled}/{scene.runs}")
    for state, count in scene.counts.items():
        text.append_text(_text(f"  {count} {state}", _STYLES.get(state, "")))
    if scene.eta_s is not None:
        text.append(f"  about {human_s(scene.eta_s)} left")
    bar = ProgressBar(max(scene.runs, 1), scene.settled, width=width)
    grid = Table.grid(padding=(0, 1, 0, 0))
    if beside:
        grid.add_column(width=width)
        grid.add_row(bar, text)
    else:
        grid.add_row(bar)
        grid.add_row(text)
    yield grid


def _state(state: str) -> Text:
    return _text(state, _STYLES.get(state, ""))


def _memory(look: GpuLook | None) -> str:
    """Memory in use, of how much there is."""
    if look is None or look.memory_used_bytes is None:
        return ""
    whole = f"/{look.memory_total_bytes / _GIB:.0f}" if look.memory_total_bytes else ""
    return f"{look.memory_used_bytes / _GIB:.1f}{whole}"


def _cut(text: Text) -> Text:
    """A text on one line, however long it is."""
    text.no_wrap, text.overflow = True, "ellipsis"
    return text


def _text(words: str, style: str = "") -> Text:
    """Words without what would steer a terminal."""
    return Text(printable(words), style)
