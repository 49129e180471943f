"""A journal to write to, and short words for what is written."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from engine.journal import FILE_NAME, Journal, Run
from engine.model.results import GpuLook, Span, Transition

Step = Callable[..., Transition]

AT = datetime(2026, 1, 31, 10, 15, tzinfo=UTC)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / FILE_NAME


@pytest.fixture
def journal(path: Path) -> Iterator[Journal]:
    with Journal.create(
        path, campaign="small", digests={"campaign": "1"}, software={"python": "3.11"}
    ) as journal:
        yield journal


@pytest.fixture
def step() -> Step:
    """Makes a transition of ``alpha``, from ``source --event--> target / action``."""

    def step(written: str, *, backend: str = "alpha", reason: str = "why") -> Transition:
        edge, _, action = written.partition(" / ")
        source, event, target = edge.replace("--> ", " --").split(" --")
        made = event, source, target, action or None, reason
        return Transition(AT, backend, *made, generation=1, container_id="c1")

    return step


@pytest.fixture
def life(step: Step) -> tuple[Transition, ...]:
    """From nothing to nothing."""
    return tuple(
        step(written)
        for written in (
            "stopped --start--> starting / launch",
            "starting --proved_ready--> ready",
            "ready --dispatch--> busy / execute",
            "busy --finish--> ready",
            "ready --stop--> ready / remove",
            "ready --removed--> stopped",
        )
    )


@pytest.fixture
def written(journal: Journal, life: tuple[Transition, ...], path: Path) -> Path:
    """A journal with something of everything in it, at rest."""
    journal.plan([Run("alpha-x", "x", "alpha"), Run("alpha-y", "y", "alpha", cycle=2)])
    journal.attempt_begun("alpha-x", 1, backend="alpha", request="alpha-x.1", folder="alpha/1")
    for transition in life:
        journal.transition(transition, facts={})
    ran = Span(AT, AT + timedelta(seconds=1))
    journal.attempt_ended("alpha-x", 1, ending="exited", exit_code=0, duration_s=1.5, ran=ran)
    journal.look(GpuLook(AT, "alpha", 1, "ok", "OK", 2**30, 2**34, 2**29))
    journal.look(GpuLook(AT, "beta", 2, "unknown", "no answer"))
    journal.outcome("alpha-x", "completed")
    journal.close()
    return path
