"""Export what happens to backends and campaigns as metrics for Prometheus.

It takes the extra ``metrics``. The endpoint is on the loopback interface: who may come near from
elsewhere is a proxy's to decide.
"""

from __future__ import annotations

import json
import threading
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, Self

from attrs import define, field, frozen

from engine.campaign.events import AttemptEnded, Event, RunSettled
from engine.errors import MissingExtra, SetupError
from engine.model.results import GpuLook, Transition
from engine.util.printable import printable
from states import BACKEND

if TYPE_CHECKING:
    from wsgiref.simple_server import WSGIServer

    from engine.campaign.execution.runner import CampaignRunner
    from engine.campaign.runs.attempt_record import AttemptRecord
    from engine.controller import Controller
    from engine.manager import ContainerManager

__all__ = ["METRICS", "Endpoint", "Metric", "Metrics", "serve"]

LOOPBACK: Final = "127.0.0.1"

_SECONDS: Final = (0.1, 0.5, 1, 5, 10, 30, 60, 300, 600, 1800, 3600, 4 * 3600)


@frozen
class Metric:
    """The definition of a metric.

    Attributes:
        kind: Counter, Gauge or Histogram, as the client library calls them.
    """

    name: str
    kind: str
    doc: str
    labels: tuple[str, ...]


METRICS: Final = (
    Metric(
        "dockwarden_backend_state",
        "Gauge",
        "1 for the state that the backend is in, 0 for the others",
        ("backend", "state"),
    ),
    Metric(
        "dockwarden_backend_transitions_total",
        "Counter",
        "edges taken",
        ("backend", "source", "event", "target"),
    ),
    Metric(
        "dockwarden_backend_restarts_total",
        "Counter",
        "restarts begun: because of a fault, on request, or after a reset",
        ("backend", "cause"),
    ),
    Metric(
        "dockwarden_backend_restarts_left",
        "Gauge",
        "restarts that the budget's lifetime cap still allows",
        ("backend",),
    ),
    Metric(
        "dockwarden_backend_busy_seconds",
        "Histogram",
        "how long commands took, from the dispatch until their end was seen",
        ("backend",),
    ),
    Metric(
        "dockwarden_gpu_memory_used_bytes",
        "Gauge",
        "GPU memory in use at the last look, all visible devices together",
        ("backend",),
    ),
    Metric(
        "dockwarden_gpu_memory_total_bytes", "Gauge", "GPU memory there is, likewise", ("backend",)
    ),
    Metric(
        "dockwarden_gpu_memory_baseline_bytes",
        "Gauge",
        "GPU memory in use when the backend first became ready",
        ("backend",),
    ),
    Metric(
        "dockwarden_gpu_looks_total",
        "Counter",
        "GPU checks, by result: ok, unknown, failing",
        ("backend", "health"),
    ),
    Metric(
        "dockwarden_experiment_attempts_total",
        "Counter",
        "attempts of a campaign's runs that ended, by how: exited, timeout, lost and so on",
        ("backend", "ending"),
    ),
    Metric(
        "dockwarden_experiment_runs_total",
        "Counter",
        "runs of a campaign that came to their outcome: completed, failed, skipped, lost",
        ("backend", "outcome"),
    ),
    Metric(
        "dockwarden_experiment_runs_planned", "Gauge", "runs that a campaign plans", ("backend",)
    ),
    Metric(
        "dockwarden_experiment_metric",
        "Gauge",
        "the number that the last attempt of an experiment handed back, with its parameters",
        ("backend", "experiment", "metric", "unit", "params"),
    ),
)
"""All metrics; units and endings of names follow Prometheus' conventions."""

_CAUSES: Final = {"recover": "fault", "restart": "request", "reset": "reset"}


_MOST_SERIES: Final = 2000
"""So many numbers of experiments are shown; containers choose their names."""

_LONGEST_LABEL: Final = 200
_LONGEST_VALUE: Final = 50


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return text[:_LONGEST_VALUE]


class Metrics:
    """The metrics of one controller, in a separate registry.

    Attributes:
        registry: the client library's registry, to be served or pushed as one likes.

    Raises:
        MissingExtra: the client library is not installed.
    """

    def __init__(self) -> None:
        try:
            import prometheus_client
        except ImportError as error:
            raise MissingExtra("metrics", "metrics") from error
        self.registry = prometheus_client.CollectorRegistry()
        self._by_name: dict[str, Any] = {}
        for one in METRICS:
            options: dict[str, Any] = {"buckets": _SECONDS} if one.kind == "Histogram" else {}
            kind = getattr(prometheus_client, one.kind)
            self._by_name[one.name] = kind(
                one.name, one.doc, one.labels, registry=self.registry, **options
            )
        self._states: dict[str, None] = dict.fromkeys(BACKEND.states)
        self._busy_since: dict[str, datetime] = {}
        self._series: set[tuple[str, ...]] = set()

    def _of(self, name: str, *labels: str) -> Any:
        return self._by_name[f"dockwarden_{name}"].labels(*map(printable, labels))

    # What is listened to

    def watch(self, controller: Controller) -> Self:
        """Count what happens to a controller's backends from now on."""
        self._states.update(dict.fromkeys(controller.table.states))
        for backend in controller.backends.values():
            self._is(backend.name, backend.state)
        controller.on_transition(self.transition)
        controller.on_look(self.look)
        return self

    def follow(self, runner: CampaignRunner) -> Self:
        """Count the outcomes of a campaign and the events of its backends from now on."""
        for progress in runner.progress.values():
            self._of("experiment_runs_planned", progress.run.backend).inc()
        runner.on_event(self.event)
        return self.watch(runner.controller)

    def transition(self, one: Transition) -> None:
        """Take in a transition; may be given to any ``on_transition``."""
        self._of("backend_transitions_total", one.backend, one.source, one.event, one.target).inc()
        self._is(one.backend, one.target)
        if one.action == "relaunch":
            self._of("backend_restarts_total", one.backend, _CAUSES.get(one.event, one.event)).inc()
        if one.restarts_left is not None:
            self._of("backend_restarts_left", one.backend).set(one.restarts_left)
        if one.target == "busy" and one.source != "busy":
            self._busy_since[one.backend] = one.at
        elif one.source == "busy" and one.target != "busy" and one.backend in self._busy_since:
            busy = one.at - self._busy_since.pop(one.backend)
            self._of("backend_busy_seconds", one.backend).observe(max(0.0, busy.total_seconds()))

    def look(self, one: GpuLook) -> None:
        """Record a GPU check."""
        self._of("gpu_looks_total", one.backend, one.health).inc()
        told = {
            "gpu_memory_used_bytes": one.memory_used_bytes,
            "gpu_memory_total_bytes": one.memory_total_bytes,
            "gpu_memory_baseline_bytes": one.baseline_bytes,
        }
        for name, value in told.items():
            if value is not None:
                self._of(name, one.backend).set(value)

    def event(self, one: Event) -> None:
        """Take in what happens in a campaign; transitions are heard of from its controller."""
        if isinstance(one, AttemptEnded):
            self._of("experiment_attempts_total", one.run.backend, one.record.ending).inc()
            self._measured(one.record)
        elif isinstance(one, RunSettled):
            self._of("experiment_runs_total", one.run.backend, one.state).inc()

    def _measured(self, record: AttemptRecord) -> None:
        """Take in the metrics of an attempt, as far as there is room for further series."""
        about = {**record.params, **record.keys}
        params = ",".join(f"{name}={_short(value)}" for name, value in sorted(about.items()))
        for name, value in record.metrics.items():
            series = (record.backend, record.experiment, name, record.units.get(name, ""))
            if series not in self._series and len(self._series) >= _MOST_SERIES:
                continue
            self._series.add(series)
            self._of("experiment_metric", *series, params[:_LONGEST_LABEL]).set(value)

    def _is(self, backend: str, state: str) -> None:
        self._states[state] = None  # one of an extended table, if only transitions are listened to
        for name in self._states:
            self._of("backend_state", backend, name).set(int(name == state))


@define(eq=False)
class Endpoint:
    """An endpoint that is served; a context manager.

    Attributes:
        metrics: what it serves.
        port: where.
    """

    metrics: Metrics
    port: int
    _server: WSGIServer
    _thread: threading.Thread
    _open: bool = field(default=True, init=False)

    @property
    def url(self) -> str:
        """The address to scrape."""
        return f"http://{LOOPBACK}:{self.port}/metrics"

    def close(self) -> None:
        """Serve no more; harmless when repeated."""
        if self._open:
            self._open = False
            self._server.shutdown()
            self._server.server_close()
            self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def serve(source: Controller | ContainerManager | CampaignRunner | None, port: int) -> Endpoint:
    """Serve the metrics of a controller, a manager or a campaign on the loopback interface.

    Args:
        source: the campaign or controller to follow; None if :attr:`Endpoint.metrics` follows one later.
        port: 0 for any that is free.

    Raises:
        MissingExtra: the client library is not installed.
        SetupError: the port cannot be had.

    Example:
        >>> with ContainerManager() as manager, serve(manager, 9464):  # doctest: +SKIP
        ...     manager.start_services(["pytorch"])
    """
    from engine.controller import Controller
    from engine.manager import ContainerManager

    metrics = Metrics()
    import prometheus_client

    try:
        server, thread = prometheus_client.start_http_server(port, LOOPBACK, metrics.registry)
    except (OSError, OverflowError) as error:
        raise SetupError(
            f"metrics cannot be served on port {port}: {error}; choose another port, or 0 for any"
        ) from error
    if isinstance(source, Controller):
        metrics.watch(source)
    elif isinstance(source, ContainerManager):
        source.connect(metrics.watch)
    elif source is not None:
        metrics.follow(source)
    return Endpoint(metrics, server.server_port, server, thread)
