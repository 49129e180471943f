"""A campaign as a value: what its file says, once it has been checked."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeAlias, Union

from attrs import Factory, field, frozen

from engine.model.measurements import (
    MAX_ARTIFACTS_BYTES,
    Declared,
    MetricPattern,
    MetricsFile,
)
from engine.model.results import Leftovers
from engine.model.service_change import ServiceChange
from engine.policy import BackendPolicy, RetryPolicy
from engine.runtimes.base import MAX_OUTPUT_BYTES
from engine.runtimes.selection import RuntimeName
from states import BACKEND

__all__ = [
    "Campaign",
    "CoolDown",
    "Experiment",
    "Isolation",
    "Order",
    "ParamValue",
    "Pauses",
    "Refresh",
    "Until",
]

ParamValue: TypeAlias = Union[  # noqa: UP007 - a forward reference within it
    bool, int, float, str, Sequence["ParamValue"], Mapping[str, "ParamValue"], None
]
"""The value of a parameter, as JSON has them."""


class Order(enum.Enum):
    """In which order the experiments of one cycle run."""

    GROUPED = "grouped"
    """All of one backend, then all of the next."""
    INTERLEAVED = "interleaved"
    """One of each backend in turn, and every experiment once before any is repeated."""
    SHUFFLED = "shuffled"
    """By chance, the same for the same seed; each cycle its own."""
    BALANCED = "balanced"
    """By a Latin square: over its rounds each experiment has each place, and follows each other one, equally
    often."""


@frozen
class Pauses:
    """How long nothing runs between two experiments, in seconds.

    The widest boundary that is crossed decides. What is None is as long as the next narrower one.

    Attributes:
        between_experiments_s: between any two runs.
        between_configs_s: where another experiment follows, and not a repetition.
        between_cycles_s: where another cycle begins.
    """

    between_experiments_s: float = 0.0
    between_configs_s: float | None = None
    between_cycles_s: float | None = None


@frozen
class Refresh:
    """When a backend is restarted though nothing is wrong with it; that costs nothing of its budget.

    Attributes:
        every: after so many experiments; None for never.
        on_change: where one of these keys of the next experiment differs from the last one's.
    """

    every: int | None = None
    on_change: tuple[str, ...] = ()


@frozen
class CoolDown:
    """The conditions to wait for before each experiment.

    Attributes:
        below_c: until every GPU of its backend that tells its temperature is below this, in degrees
            Celsius.
        at_most_s: and for how long at most, in seconds.
    """

    below_c: float
    at_most_s: float = 600.0


class Isolation(enum.StrEnum):
    """How much of earlier runs a run may find in its backend's container."""

    REUSE = "reuse"
    """Everything: the container goes on."""
    RESTART = "restart"
    """The files: the container is restarted before the run, unless nothing has run in it since its start."""
    RECREATE = "recreate"
    """Nothing: a new container is made before the run, unless nothing has run in the one that is there."""


@frozen
class Until:
    """How long an experiment is repeated.

    Attributes:
        metric: which must be known well enough.
        ci: how wide the half of its mean's 95 % confidence interval may be, as a share of the mean.
        at_most: how many repeats there are at most.
        at_least: and at least.
    """

    metric: str
    ci: float
    at_most: int
    at_least: int = 3


@frozen
class Experiment:
    """One entry of a campaign's experiments.

    Attributes:
        name: a plain file name, unique within each of its backends.
        backends: the services that it runs on, one run for each.
        command: the argument vector, within the backend.
        environment: added to the backend's own.
        working_dir: within the backend; None for the backend's own.
        user: within the backend; None for the backend's own.
        timeout_s: wall clock limit of an attempt in seconds; None for none.
        silence_s: how long an attempt may write nothing, in seconds; None for any time.
        max_output_bytes: how much an attempt may write; then it is ended.
        repeat: how often it runs in each cycle.
        until: what ends its repeats before that; None for nothing.
        keys: what it is about, such as its model; see :attr:`Refresh.on_change`.
        isolation: what each of its attempts finds in the container.
        service: the changes of its backend's service; None for none.
        targets: the services that it measures.
        leftovers: what to do with processes that still run when its command has ended.
        estimate_s: how long a run is expected to take, in seconds, for simulations; it limits nothing.
        metrics: numbers in its output, by the names of the metrics.
        metrics_from: JSON files that it writes, which metrics are taken from.
        artifacts: patterns of the files that are fetched from where it writes them.
        max_artifacts_bytes: how much is collected of the files that an attempt hands back.
        params: what the experiment was swept over; numbers stay numbers.
        entry: the entry of the campaign file that it comes from; its own name without a sweep.
        setup: a command that runs before each attempt, in its container; empty for none.
        teardown: likewise, after each attempt.
        warmup: how many more runs go before those that count, in each cycle.
        after: the experiments or entries that must have completed before it begins.
        written_at: where that entry is written, for errors; empty if it is not from a file.
    """

    name: str
    backends: tuple[str, ...]
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(factory=dict, repr=False)
    working_dir: str | None = None
    user: str | None = None
    timeout_s: float | None = None
    silence_s: float | None = None
    max_output_bytes: int = MAX_OUTPUT_BYTES
    repeat: int = 1
    keys: Mapping[str, str] = field(factory=dict)
    isolation: Isolation = Isolation.REUSE
    service: ServiceChange | None = None
    leftovers: Leftovers = Leftovers.END
    estimate_s: float | None = None
    params: Mapping[str, ParamValue] = field(factory=dict)
    entry: str = field(default=Factory(lambda self: self.name, takes_self=True))
    setup: tuple[str, ...] = ()
    teardown: tuple[str, ...] = ()
    warmup: int = 0
    until: Until | None = None
    after: tuple[str, ...] = ()
    written_at: str = field(default="", eq=False, repr=False)
    metrics: Mapping[str, MetricPattern] = field(factory=dict)
    metrics_from: tuple[MetricsFile, ...] = ()
    artifacts: tuple[str, ...] = ()
    max_artifacts_bytes: int = MAX_ARTIFACTS_BYTES
    targets: tuple[str, ...] = ()

    @property
    def measure(self) -> Declared:
        """The results to collect of an attempt besides its output."""
        return Declared(self.metrics, self.metrics_from, self.artifacts, self.max_artifacts_bytes)


@frozen
class Campaign:
    """The experiments to run, their backends, and their policies.

    Attributes:
        file: the campaign file, as the user named it.
        name: a plain file name.
        compose_file: where the backends are declared: the file, or several that are merged in order;
            absolute.
        results: the folder in which each run of the campaign makes a new folder; absolute.
        adopt_compose: whether containers that the user's own Compose made are taken over.
        policies: how each backend is run, by service; those that are not named run by default.
        refresh: when each backend is restarted though nothing is wrong, by service.
        lifecycle: the name of the table that backends are run by; see
            :func:`engine.control.lifecycles.find_backend_lifecycle`.
        seed: of the shuffled order, and of the jitter of backoffs.
        cycles: how often the whole list of experiments is gone through.
        eager: whether all backends start at the beginning, rather than each at its first experiment.
        parallel: whether backends run side by side; otherwise one experiment runs at a time.
        share_gpus: whether experiments run side by side although they need the same GPUs; otherwise they
            follow one another.
        exclusive: whether one backend is up at a time: the one before is taken down first. Then nothing
            is eager or parallel.
        cool_down: what is waited for before each experiment.
        stop_at_failure_share: once so large a share of all experiments has failed, no other begins.
        secrets: the names of variables whose values are secret, besides those whose names tell.
        keep: whether containers stay when the controller dies without a teardown.
        grace_s: how long what is ended (by a time limit, by an interrupt) may take, in seconds.
        setups: by service, a command that runs in it after each of its starts, before any experiment.
        teardowns: by service, a command that runs in it before it is stopped.
        sources: the files that it was read from besides ``file``: of parameters, say.
        snapshots: the backends whose environment is written down, once for each start of a container.
    """

    file: str
    name: str
    compose_file: Path | tuple[Path, ...]
    results: Path
    experiments: tuple[Experiment, ...]
    runtime: RuntimeName = "auto"
    adopt_compose: bool = False
    policies: Mapping[str, BackendPolicy] = field(factory=dict)
    refresh: Mapping[str, Refresh] = field(factory=dict)
    lifecycle: str = BACKEND.name
    order: Order = Order.GROUPED
    seed: int = 0
    cycles: int = 1
    pauses: Pauses = field(factory=Pauses)
    retry: RetryPolicy = field(factory=RetryPolicy)
    eager: bool = True
    parallel: bool = True
    share_gpus: bool = False
    exclusive: bool = False
    cool_down: CoolDown | None = None
    stop_at_failure_share: float | None = None
    secrets: tuple[str, ...] = ()
    keep: bool = False
    grace_s: float = 10.0
    sources: tuple[Path, ...] = ()
    snapshots: frozenset[str] = frozenset()
    setups: Mapping[str, tuple[str, ...]] = field(factory=dict)
    teardowns: Mapping[str, tuple[str, ...]] = field(factory=dict)

    @property
    def folder(self) -> Path:
        """The campaign file's own folder, absolute."""
        return Path(self.file).absolute().parent
