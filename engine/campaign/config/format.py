"""The campaign file's format: which keys each section has, and what each key takes."""

from __future__ import annotations

from typing import Any, Final

from engine.campaign.config.measured import metric_patterns, metrics_files, path_patterns
from engine.campaign.config.readiness import ready
from engine.campaign.config.repeats import until
from engine.campaign.config.sections import Key
from engine.campaign.config.values import (
    WrongValue,
    argv,
    boolean,
    choice,
    count,
    duration,
    environment,
    kind,
    labels,
    length,
    number,
    one_or_more,
    plain_name,
    share,
    size,
    text,
    words,
)
from engine.campaign.model import Isolation, Order
from engine.model.results import Ending, Leftovers
from engine.policy import HealthChecks, KeepAlive, ServerMemory
from engine.runtimes.registry import names

__all__ = [
    "BACKEND",
    "CAMPAIGN",
    "COOL_DOWN",
    "DEFAULTS",
    "EXPERIMENT",
    "GPU",
    "HEALTH",
    "INCLUDED",
    "PAUSES",
    "PREPARATION",
    "REFRESH",
    "RESTART",
    "RETRY",
    "SNAPSHOT",
    "SWEEP",
    "SWEPT_BY",
]


def _any(value: Any) -> Any:
    return value


def _files(value: Any) -> str | tuple[str, ...]:
    """A file's name, or a list of them, which is not the same as its only one."""
    files = one_or_more(value)
    return files[0] if isinstance(value, str) else files


def _keep_alive(value: Any) -> KeepAlive | tuple[str, ...]:
    """Parse a word, or a list: a custom command, even if it is one of the words."""
    words_for_it = {one.value: one for one in KeepAlive}
    return choice(words_for_it)(value) if value in tuple(words_for_it) else argv(value)


def _server_memory(value: Any) -> ServerMemory | int:
    """A word, or a size."""
    words_for_it = {one.value: one for one in ServerMemory}
    return words_for_it[value] if value in tuple(words_for_it) else size(value)


def _runtime(value: Any) -> str:
    """The name of a runtime that runs commands in truth, of those that are installed."""
    return choice({name: name for name in names(real=True)})(value)


SWEPT_BY: Final = {"sweep": Key(_any), "params": Key(_any)}
"""Keys that sweep experiments over parameters."""

CAMPAIGN: Final = {
    "name": Key(plain_name, required=True),
    "compose_file": Key(_files),
    "runtime": Key(_runtime),
    "adopt": Key(choice({"nothing": False, "compose": True}), "adopt_compose"),
    "results": Key(text),
    "experiment_command": Key(argv),
    "backends": Key(_any),
    "defaults": Key(_any),
    "include": Key(one_or_more),
    **SWEPT_BY,
    "max_runs": Key(count(1, 10_000_000)),
    "experiments": Key(_any),
    "order": Key(choice({order.value: order for order in Order})),
    "lifecycle": Key(text),
    "seed": Key(count(0, 2**63 - 1)),
    "cycles": Key(count(1, 1000)),
    "pauses": Key(_any),
    "retry": Key(_any),
    "start": Key(choice({"eager": True, "lazy": False}), "eager"),
    "parallel": Key(boolean),
    "share_gpus": Key(boolean),
    "exclusive": Key(boolean),
    "cool_down": Key(_any),
    "stop_at_failure_share": Key(share),
    "secrets": Key(words),
    "on_controller_exit": Key(choice({"remove": False, "keep": True}), "keep"),
    "grace": Key(duration, "grace_s"),
}

DEFAULTS: Final = {
    "env": Key(environment, "environment"),
    "working_dir": Key(text),
    "user": Key(text),
    "timeout": Key(length, "timeout_s", keeps_kind=True),
    "silence": Key(length, "silence_s", keeps_kind=True),
    "max_output": Key(size, "max_output_bytes", keeps_kind=True),
    "repeat": Key(count(1, 1000), keeps_kind=True),
    "until": Key(until, keeps_kind=True),
    "setup": Key(argv),
    "teardown": Key(argv),
    "warmup": Key(count(0, 1000), keeps_kind=True),
    "after": Key(one_or_more),
    "keys": Key(labels),
    "targets": Key(one_or_more),
    "isolation": Key(choice({one.value: one for one in Isolation})),
    "cold_start": Key(boolean, keeps_kind=True),
    "service_env": Key(environment),
    "service_command": Key(argv),
    "leftovers": Key(choice({one.value: one for one in Leftovers})),
    "estimate": Key(length, "estimate_s", keeps_kind=True),
    "metrics": Key(metric_patterns),
    "metrics_from": Key(metrics_files),
    "artifacts": Key(path_patterns),
    "max_artifacts": Key(size, "max_artifacts_bytes", keeps_kind=True),
}

EXPERIMENT: Final = {
    "name": Key(plain_name, required=True),
    "backend": Key(one_or_more, "backends", required=True),
    "command": Key(argv),
    "config": Key(text),
    **SWEPT_BY,
    **DEFAULTS,
}

INCLUDED: Final = {
    name: CAMPAIGN[name]
    for name in (
        *("include", "sweep", "params", "defaults", "experiment_command", "experiments"),
        "backends",
    )
}

SWEEP: Final = {
    "matrix": Key(_any),
    "zip": Key(_any),
    "from": Key(text),
    "include": Key(_any),
    "exclude": Key(_any),
}

RESTART: Final = {
    "max_restarts": Key(count(0, 10_000)),
    "restart_window": Key(length, "window_s"),
    "restarts_in_window": Key(count(0, 10_000), "max_in_window"),
    "backoff": Key(duration, "backoff_s"),
    "backoff_factor": Key(number(1, 100)),
    "backoff_max": Key(duration, "backoff_max_s"),
    "refund_after": Key(length, "refund_after_s"),
}

POLICY: Final = {
    "keep_alive": Key(_keep_alive),
    "through_entrypoint": Key(boolean),
    "ready_within": Key(length, "ready_within_s"),
    "stop_grace": Key(duration, "stop_grace_s"),
}

HEALTH: Final = {
    "health": Key(choice({one.value: one for one in HealthChecks}), "checks"),
    "ready": Key(ready),
    "ready_command": Key(argv),
    "look_at_gpus": Key(boolean),
    "look_every": Key(length, "every_s"),
    "look_within": Key(length, "look_within_s"),
    "wait_for_others": Key(duration, "wait_for_others_s"),
}

GPU: Final = {
    "gpu_residual_mib": Key(count(0, 10_000_000), "residual_mib"),
    "server_memory": Key(_server_memory),
    "gpu_memory_threshold_pct": Key(number(0.1, 100)),
    "gpu_failing_after": Key(count(1, 1000), "failing_after"),
    "gpu_unknown_after": Key(count(1, 1000), "unknown_after"),
}

REFRESH: Final = {
    "restart_every": Key(count(1, 1_000_000), "every"),
    "restart_on_change": Key(words, "on_change"),
}

PREPARATION: Final = {"setup": Key(argv), "teardown": Key(argv)}

SNAPSHOT: Final = {"environment_snapshot": Key(boolean)}

BACKEND: Final = {**RESTART, **HEALTH, **GPU, **REFRESH, **SNAPSHOT, **PREPARATION, **POLICY}

COOL_DOWN: Final = {
    "below_c": Key(number(1, 150), required=True),
    "at_most": Key(duration, "at_most_s"),
}

PAUSES: Final = {
    "between_experiments": Key(duration, "between_experiments_s"),
    "between_configs": Key(duration, "between_configs_s"),
    "between_cycles": Key(duration, "between_cycles_s"),
}

_ENDINGS: Final = {
    "lost": Ending.LOST,
    "timeout": Ending.TIMEOUT,
    "silence": Ending.SILENCE,
    "output": Ending.OUTPUT,
    "exit": Ending.EXITED,
    "unstarted": Ending.UNSTARTED,
    "leftovers": Ending.LEFTOVERS,
}


def _endings(value: Any) -> frozenset[Ending]:
    return frozenset(choice(_ENDINGS)(word) for word in words(value))


def _exit_codes(value: Any) -> frozenset[int]:
    if not isinstance(value, list):
        raise WrongValue(f"must be a list of exit codes, and is {kind(value)}")
    return frozenset(count(1, 255)(code) for code in value)


RETRY: Final = {
    "max_attempts": Key(count(1, 1000)),
    "on": Key(_endings),
    "exit_codes": Key(_exit_codes),
}
