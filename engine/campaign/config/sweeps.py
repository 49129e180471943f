"""The ``sweep`` of a campaign and of its entries: read, checked, and expanded into entries without one."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from attrs import evolve, frozen

from engine.campaign.config.sections import Findings
from engine.campaign.config.sweep_values import sweep_keys
from engine.campaign.sweep import Params, Sweep, Template, TemplateError, combinations, names, size
from engine.compose.node import KeyPath
from engine.util.names import is_plain
from engine.util.nearest import nearest

__all__ = ["Expanded", "expand", "read_sweep"]


@frozen
class Expanded:
    """An entry for one combination.

    Attributes:
        entry: its keys as they would be written without a sweep.
        defaults: those of the campaign, likewise.
        params: the combination; empty without a sweep.
        name: of the entry that it comes from; None where that has no usable one.
    """

    entry: Any
    defaults: Any
    params: Params
    name: str | None


def read_sweep(findings: Findings, path: KeyPath, value: Any, folder: Path) -> Sweep | None:
    """Read a ``sweep`` section; None where it is not there, or wrong.

    Args:
        folder: where the names of files start from.
    """
    if value is None:
        return None
    before = len(findings.listed)
    found = findings.section(path, value, sweep_keys(folder))
    sweep = Sweep(**found)
    columns = {name: len(values) for name, values in sweep.zipped.items()}
    if len({*columns.values()}) > 1:
        counts = ", ".join(f"{name} has {count}" for name, count in columns.items())
        findings.add((*path, "zip"), f"its lists must have the same length: {counts}")
    twice = {*sweep.matrix} & {*sweep.zipped} | {*sweep.varied} & {
        n for row in sweep.rows for n in row
    }
    if twice:
        findings.add(path, f"sets {', '.join(sorted(twice))} in two of matrix, zip and from")
    if not found:
        findings.add(path, f"is empty; give it {', '.join(sweep_keys(folder))}")
    return sweep if len(findings.listed) == before else None


def expand(
    findings: Findings,
    path: KeyPath,
    entry: Any,
    *,
    defaults: Any,
    overall: Sweep | None,
    own: Sweep | None,
    most: int,
) -> Iterator[Expanded]:
    """The entries that one entry stands for, in order.

    Args:
        path: of the entry.
        entry: as it is written, without its ``sweep``.
        defaults: the campaign's, as they are written.
        overall: the campaign's sweep.
        own: the entry's; of a parameter that both have, the entry's values count.
        most: how many there may be.
    """
    sweeps = [one for one in (_without(overall, own), own) if one is not None]
    name = entry.get("name") if isinstance(entry, dict) else None
    if not sweeps:
        yield Expanded(entry, defaults, {}, name)
        return
    try:
        template, of_defaults = Template.of(entry), Template.of(defaults)
    except TemplateError as error:
        findings.add(path, str(error))
        return
    chosen = _chosen(findings, path, sweeps, template.used | of_defaults.used, most)
    plain = name if isinstance(name, str) and is_plain(name) else None
    called = [None] * len(chosen) if plain is None else names(plain, chosen)
    taken: dict[str, Params] = {}
    for params, own_name in zip(chosen, called, strict=True):
        try:
            made = template.render(params)
            with_defaults = of_defaults.render(params) if of_defaults.used else defaults
        except TemplateError as error:
            findings.add(path, f"{error} (with {_shown(params)})")
            return
        if own_name is not None:
            made = {**made, "name": own_name}
        if not _check_free(findings, path, made, params, taken):
            return
        yield Expanded(made, with_defaults, params, plain)


def _chosen(
    findings: Findings,
    path: KeyPath,
    sweeps: Sequence[Sweep],
    used: frozenset[str],
    most: int,
) -> Sequence[Params]:
    """The combinations; none where something is wrong with them."""
    count = math.prod(max(size(one), 1) for one in sweeps)
    if count > most:
        what = f"has {count} combinations; {most} are the most. Sweep over less, or write max_runs: {count}"
        findings.add((*path, "sweep"), what)
        return ()
    chosen: list[Params] = [{}]
    for sweep in sweeps:
        chosen = [{**one, **more} for one in chosen for more in combinations(sweep)]
    if not chosen:
        findings.add((*path, "sweep"), "has no combination: exclude leaves nothing of it")
    return chosen if _check_used(findings, path, used, sweeps, chosen) else ()


def _check_free(
    findings: Findings, path: KeyPath, made: Any, params: Params, taken: dict[str, Params]
) -> bool:
    """See that no two combinations give the same name; say whether that is so."""
    name = made.get("name") if isinstance(made, dict) else None
    other = taken.setdefault(name, params) if isinstance(name, str) else params
    if other is not params:
        findings.add(
            (*path, "name"),
            f"is {name!r} both with {_shown(other)} and with {_shown(params)}; put each parameter"
            " into it, or leave the templates out of it",
        )
    return other is params


def _check_used(
    findings: Findings,
    path: KeyPath,
    used: frozenset[str],
    sweeps: Sequence[Sweep],
    chosen: Sequence[Params],
) -> bool:
    """See that templates and parameters go together; say whether they do."""
    known = [name for sweep in sweeps for name in sweep.names]
    right = True
    for name in sorted(used):
        if name not in known:
            instead = nearest(name, known) or f"; the sweep has {', '.join(known)}"
            findings.add(path, f"uses {{{{ {name} }}}}, which its sweep does not have{instead}")
            right = False
    for name in dict.fromkeys(name for sweep in sweeps for name in sweep.varied):
        if name not in used:
            instead = nearest(name, sorted(used))
            what = f"sweeps over {name} and does not use it: write {{{{ {name} }}}} where it belongs{instead}"
            findings.add(path, what)
            right = False
    missing = next(
        ((name, one) for one in chosen for name in sorted(used) if right and name not in one), None
    )
    if missing is not None:
        name, one = missing
        findings.add((*path, "sweep"), f"gives no {name} with {_shown(one)}")
        right = False
    return right


def _without(overall: Sweep | None, own: Sweep | None) -> Sweep | None:
    """The campaign's sweep without the parameters that the entry sweeps over itself."""
    if overall is None or own is None:
        return overall
    mine = {*own.names}
    kept = evolve(
        overall,
        matrix={name: values for name, values in overall.matrix.items() if name not in mine},
        zipped={name: values for name, values in overall.zipped.items() if name not in mine},
        rows=[{name: one for name, one in row.items() if name not in mine} for row in overall.rows],
    )
    return kept if kept.names else None


def _shown(params: Params) -> str:
    shown = ", ".join(f"{name}={json.dumps(value, default=str)}" for name, value in params.items())
    return shown if len(shown) <= 200 else f"{shown[:197]}..."  # noqa: PLR2004 - a line or two
