"""``dockwarden verify``: proofs of lifecycles, or counterexamples."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from engine.cli.completers import lifecycle_names
from engine.cli.exit_codes import DONE, FAILED
from engine.cli.output.messages import show

if TYPE_CHECKING:
    from states import Lifecycle
    from states.verify import Counterexample, Invariant, Proof

__all__ = ["verify"]


@click.command()
@click.argument(
    "lifecycle", required=False, metavar="[MODULE:LIFECYCLE]", shell_complete=lifecycle_names
)
@click.option(
    "--backends",
    type=click.IntRange(1, 4),
    default=3,
    show_default=True,
    help="Prove up to so many backends side by side.",
)
@click.option(
    "--diagram",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write a counterexample's sequence diagram (Mermaid) there rather than print it.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def verify(lifecycle: str | None, *, backends: int, diagram: Path | None, as_json: bool) -> int:
    """Explore everything that can happen, and prove that no rule is ever broken.

    Without an argument, the built-in lifecycles are explored: that of a backend, in a world where
    containers die, calls fail and answers come late, for one to three backends side by side; and that of an
    experiment. With MODULE:LIFECYCLE, your lifecycle is explored; the module's INVARIANTS, if it has any, have
    to hold as well. docs/verify.md says what is proved and what is not.

    If a rule can be broken, the shortest path to the violation is shown. Exit code: 0 if all holds, 1 if not.

    \b
    Examples:
      dockwarden verify
      dockwarden verify mypackage.lifecycles:COOLING --diagram broken.mmd
    """
    proofs: list[dict[str, Any]] = []
    broken: Counterexample | None = None
    for table, own, refusal in _named(lifecycle):
        if refusal:
            proofs.append({"subject": table.name, "holds": False, "refused": refusal})
            _say(refusal, unless=as_json)
        for proof, took_s in _proved(table, own, backends):
            proofs.append(proof.to_dict() | {"took_s": round(took_s, 3)})
            broken = broken or proof.counterexample
            _say(_line(proof, took_s), unless=as_json)
    holds = all(one["holds"] for one in proofs)
    if broken is not None:
        _say(f"\n{broken}\n", unless=as_json)
        if diagram is None:
            _say(f"As a sequence diagram:\n\n{broken.diagram()}", unless=as_json)
        else:
            _write(diagram, broken.diagram())
            _say(f"Its sequence diagram is in {diagram}.", unless=as_json)
    elif holds:
        _say("all of it holds", unless=as_json)
    if as_json:
        show(json.dumps({"holds": holds, "proofs": proofs}, indent=2))
    return DONE if holds else FAILED


def _proved(
    table: Lifecycle, own: Sequence[Invariant], backends: int
) -> Iterator[tuple[Proof, float]]:
    """Each proof and how long it took, up to the first rule that is broken."""
    from states.verify import subjects

    for subject in subjects(table, own, backends=backends):
        began_s = time.monotonic()
        proof = subject.prove()
        yield proof, time.monotonic() - began_s
        if not proof.holds:
            return  # more backends would only show the same


def _say(text: str, *, unless: bool) -> None:
    if not unless:
        show(text)


def _named(name: str | None) -> Iterable[tuple[Lifecycle, Sequence[Invariant], str]]:
    """Find the lifecycles asked for, with the user's invariants, and why they were refused if they were."""
    from engine.cli.verify_targets import find_claims
    from engine.control.lifecycles import BUILT_IN

    return [find_claims(one) for one in ((name,) if name else BUILT_IN)]


def _line(proof: Proof, took_s: float) -> str:
    figures = f"{proof.states:,} states, {proof.edges:,} edges, {took_s:.1f} s"
    if proof.holds:
        rules = f"{len(proof.claims)} rules hold" if proof.claims else "no rule is claimed of it"
        return f"{proof.subject}: {rules}; {figures}"
    return f"{proof.subject}: a rule is broken; {figures}"


def _write(file: Path, text: str) -> None:
    from engine.errors import SetupError

    try:
        file.write_text(text)
    except OSError as error:
        raise SetupError(f"{file} cannot be written: {error.strerror}") from error
