"""The valid things that everything broken is made from."""

from __future__ import annotations

import functools
import json
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from engine.campaign.config import format as tables
from engine.compose.schema import _schema
from engine.journal import FILE_NAME, Journal, Run
from engine.model.results import Span, Transition

__all__ = ["CAMPAIGN_KEYS", "COMPOSE_KEYS", "PROBE", "campaigns", "composes", "journal"]

ROOT = Path(__file__).parents[2]
AT = datetime(2026, 1, 31, 10, 15, tzinfo=UTC)

CAMPAIGN_KEYS = sorted({key for name in tables.__all__ for key in getattr(tables, name)})
COMPOSE_KEYS = sorted(
    key
    for part in (
        "container_spec",
        "workload_spec",
        "service",
        "deployment",
        "healthcheck",
        "network",
    )
    for key in _schema()["$defs"][part].get("properties", ())
)

PROBE: dict[str, Any] = {
    "source": "pynvml",
    "driver": "535.54.03",
    "errors": [{"code": 15, "what": "nvmlDeviceGetMemoryInfo", "message": "GPU is lost"}],
    "devices": [
        {
            "uuid": "GPU-a",
            "index": 0,
            "name": "NVIDIA A100",
            "parent_uuid": None,
            "mig": False,
            "memory_used_bytes": 600,
            "memory_total_bytes": 1000,
            "memory_free_bytes": 400,
            "ecc_uncorrected": 0,
            "ecc_uncorrected_lifetime": 1,
            "remapped_rows": {
                "correctable": 1,
                "uncorrectable": 2,
                "pending": True,
                "failed": False,
            },
            "temperature_c": 34,
            "utilization_pct": 0,
            "processes": [{"pid": 1, "memory_bytes": 5, "name": "python3"}],
            "errors": [],
        }
    ],
}


@functools.cache
def campaigns() -> list[Any]:
    """Campaign files that are as they should be."""
    everything = {
        "name": "all",
        "order": "shuffled",
        "seed": 3,
        "cycles": 2,
        "secrets": ["LAB"],
        "pauses": {"between_experiments": "1s", "between_cycles": 2},
        "retry": {"max_attempts": 2, "on": ["lost", "exit"], "exit_codes": [75]},
        "defaults": {"env": {"A": "b"}, "timeout": "1h30m", "silence": "10m", "keys": {"m": "x"}},
        "backends": {
            "alpha": {"max_restarts": 1, "restart_window": "5m", "keep_alive": ["sleep", "9"]}
        },
        "cool_down": {"below_c": 60, "at_most": "5m"},
        "experiments": [
            {"name": "x", "backend": ["alpha", "beta"], "command": ["true"], "repeat": 2},
            {"name": "y", "backend": "alpha", "config": "y.yml", "user": "me", "cold_start": True},
        ],
    }
    return [everything, _plain((ROOT / "examples/campaign.yml").read_text())]


@functools.cache
def composes() -> list[Any]:
    """Compose files that are as they should be."""
    files = [ROOT / "docker-compose.yml", *sorted((ROOT / "tests/compose/corpus").glob("*.yml"))]
    found = [_plain(file.read_text()) for file in files]
    return [one for one in found if one is not None]


def _plain(text: str) -> Any:
    try:
        return json.loads(json.dumps(YAML(typ="safe", pure=True).load(text)))
    except (TypeError, ValueError, YAMLError):  # a date, a tag of Compose's own, several documents
        return None


@functools.cache
def journal() -> bytes:
    """A journal with something of everything in it, at rest."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / FILE_NAME
        with Journal.create(path, campaign="small", digests={"campaign": "1"}) as written:
            written.plan([Run("alpha-x", "x", "alpha"), Run("alpha-y", "y", "alpha", cycle=2)])
            written.attempt_begun("alpha-x", 1, backend="alpha", request="alpha-x.1", folder="a/1")
            for event, source, target, action in (
                ("start", "stopped", "starting", "launch"),
                ("proved_ready", "starting", "ready", None),
                ("dispatch", "ready", "busy", "execute"),
                ("finish", "busy", "ready", None),
            ):
                taken = Transition(AT, "alpha", event, source, target, action, "alpha-x.1", 1, "c1")
                written.transition(taken, facts={})
            ran = Span(AT, AT + timedelta(seconds=1))
            written.attempt_ended(
                "alpha-x", 1, ending="exited", exit_code=0, duration_s=1.5, ran=ran
            )
            written.outcome("alpha-x", "completed")
        return path.read_bytes()
