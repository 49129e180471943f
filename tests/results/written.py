"""Results folders, written by hand."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from engine.journal import FILE_NAME, Journal, Run

AT = datetime(2026, 1, 31, 10, 15, tzinfo=UTC)


def line(run: str, attempt: int = 1, **more: Any) -> dict[str, Any]:
    """A line of ``results.jsonl``, of an attempt that succeeded."""
    backend, _, experiment = run.partition("-")
    return {
        "campaign": "kernels",
        "experiment": experiment,
        "run": run,
        "backend": backend,
        "cycle": 1,
        "repeat": 1,
        "attempt": attempt,
        "command": ["true"],
        "ending": "exited",
        "exit_code": 0,
        "reason": "",
        "started_at": (AT + timedelta(seconds=attempt)).isoformat(),
        "ended_at": (AT + timedelta(seconds=attempt + 2)).isoformat(),
        "duration_s": 2.0,
        **more,
    }


def folder(
    place: Path,
    lines: Sequence[Mapping[str, Any]],
    outcomes: Mapping[str, str | None] | None = None,
    experiments: Mapping[str, str] | None = None,
) -> Path:
    """A results folder with these lines.

    Args:
        outcomes: of the runs that the journal has, as ``skipped: why``; None without a journal.
        experiments: of these runs, where their names have more in them.
    """
    place.mkdir(parents=True)
    (place / "results.jsonl").write_text("".join(f"{json.dumps(one)}\n" for one in lines))
    if outcomes is not None:
        with Journal.create(place / FILE_NAME, campaign="kernels", durable=False) as journal:
            backends = {run: run.partition("-") for run in outcomes}
            known = experiments or {}
            journal.plan(
                Run(run, known.get(run, name), backend)
                for run, (backend, _, name) in backends.items()
            )
            with journal.at_once():
                for one in lines:
                    _journal(journal, one)
                for run, told in outcomes.items():
                    if told is not None:
                        state, _, reason = told.partition(": ")
                        journal.outcome(run, state, reason=reason)
    return place


def _journal(journal: Journal, written: Mapping[str, Any]) -> None:
    run, number = written["run"], written["attempt"]
    journal.attempt_begun(
        *(run, number),
        backend=written["backend"],
        request=f"{run}.{number}",
        folder=f"{run}/attempt-{number}",
        at=datetime.fromisoformat(written["started_at"]),
    )
    journal.attempt_ended(
        *(run, number),
        ending=written["ending"],
        exit_code=written["exit_code"],
        duration_s=written["duration_s"],
        at=datetime.fromisoformat(written["ended_at"]),
    )


def serve(place: Path) -> Path:
    """The results of the campaign that docs/compare.md is about: two models on three backends."""
    rng = random.Random(18)
    lines, outcomes = [], {}
    speeds = {"pytorch": 30.0, "tensorrt": 80.0, "vllm": 62.0}
    for backend, fast in speeds.items():
        for model, small in (("llama-3-8b", 1.0), ("qwen-2.5-14b", 0.6)):
            for batch in (1, 4, 16):
                for repeat in range(1, 6):
                    run = f"{backend}-{model}-{batch}-r{repeat}"
                    failed = (backend, model, batch, repeat) == ("vllm", "qwen-2.5-14b", 16, 3)
                    speed = fast * small * batch**0.75 * rng.lognormvariate(0, 0.05)
                    wait = 1800 / (fast * small) * batch**0.4 * rng.lognormvariate(0, 0.06)
                    measured = {"tokens_per_s": round(speed, 2), "ttft_ms": round(wait, 2)}
                    lines.append(
                        line(
                            run,
                            campaign="serve",
                            experiment=f"{model}-{batch}",
                            entry="generate",
                            repeat=repeat,
                            exit_code=int(failed),
                            params={"model": model, "batch": batch},
                            metrics={} if failed else measured,
                            units={"tokens_per_s": "tokens/s", "ttft_ms": "ms"},
                            warmup=repeat == 1,
                        )
                    )
                    outcomes[run] = "failed" if failed else "completed"
    return folder(place, lines, outcomes)
