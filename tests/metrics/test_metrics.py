"""The metrics that Prometheus scrapes."""

from __future__ import annotations

import socket
import sys
import urllib.request
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families as families

from engine import ContainerManager
from engine.campaign.events import AttemptEnded, Event
from engine.cli.program import invoke
from engine.errors import MissingExtra, SetupError
from engine.metrics import LOOPBACK, METRICS, Endpoint, Metrics, serve
from engine.model.results import GpuLook, Transition
from tests.campaign.stage import Stage

AT = datetime(2026, 1, 31, 10, 15, tzinfo=UTC)
Samples = dict[tuple[str, ...], float]


def scraped(url: str) -> Samples:
    """The samples by name and labels, in the labels' order."""
    with urllib.request.urlopen(url) as answer:
        text = answer.read().decode()
    return {
        (
            sample.name,
            *(sample.labels[name] for name in labels if name in sample.labels),
        ): sample.value
        for family in families(text)
        for labels in [next((m.labels for m in METRICS if m.name.startswith(family.name)), ())]
        for sample in family.samples
        if "le" not in sample.labels and not sample.name.endswith("_created")
    }


def test_a_campaign_is_counted(tmp_path: Path) -> None:
    stage, seen, served = Stage(tmp_path), list[Samples](), list[Endpoint]()
    stage.fake.will("execute", "alpha", 3)

    def on_event(event: Event) -> None:
        if not served:  # the runner is there from its first event on
            served.append(serve(stage.runner, 0))
        if isinstance(event, AttemptEnded):
            seen.append(scraped(served[0].url))

    stage.run(on_event)
    last = scraped(served[0].url)
    served[0].close()
    assert last["dockwarden_experiment_runs_total", "alpha", "failed"] == 1
    assert last["dockwarden_experiment_runs_total", "alpha", "completed"] == 1
    assert last["dockwarden_experiment_runs_total", "beta", "completed"] == 2
    assert last["dockwarden_experiment_attempts_total", "alpha", "exited"] == 2
    assert last["dockwarden_experiment_runs_planned", "alpha"] == 2
    assert last["dockwarden_backend_busy_seconds_count", "alpha"] == 2
    assert last["dockwarden_backend_state", "alpha", "stopped"] == 1
    assert last["dockwarden_backend_restarts_left", "alpha"] == 2
    assert last["dockwarden_backend_transitions_total", "alpha", "ready", "dispatch", "busy"] == 2
    for samples in seen:
        for backend in ("alpha", "beta"):
            states = [
                v for k, v in samples.items() if k[:2] == ("dockwarden_backend_state", backend)
            ]
            assert max(states) == sum(states) <= 1


def taken(edge: str, after_s: float = 0, action: str | None = None) -> Transition:
    source, event, target = edge.split()
    at = AT + timedelta(seconds=after_s)
    return Transition(at, "alpha", event, source, target, action, "why", 1, "c", 2)


def test_restarts_are_told_apart_by_their_cause() -> None:
    metrics = Metrics()
    metrics.transition(taken("unhealthy recover restarting", action="relaunch"))
    metrics.transition(taken("ready restart restarting", action="relaunch"))
    sample = metrics.registry.get_sample_value
    for cause in ("fault", "request"):
        labels = {"backend": "alpha", "cause": cause}
        assert sample("dockwarden_backend_restarts_total", labels) == 1


def test_a_busy_time_ends_with_a_fault_too() -> None:
    metrics = Metrics()
    metrics.transition(taken("ready dispatch busy"))
    metrics.transition(taken("busy fault unhealthy", after_s=7))
    of = {"backend": "alpha"}
    assert metrics.registry.get_sample_value("dockwarden_backend_busy_seconds_sum", of) == 7


def test_memory_keeps_its_last_known_value() -> None:
    metrics = Metrics()
    metrics.look(GpuLook(AT, "alpha", 1, "ok", "OK", 600, 1000, 500))
    metrics.look(GpuLook(AT, "alpha", 1, "unknown", "no answer"))
    sample = metrics.registry.get_sample_value
    assert sample("dockwarden_gpu_memory_used_bytes", {"backend": "alpha"}) == 600
    assert sample("dockwarden_gpu_memory_baseline_bytes", {"backend": "alpha"}) == 500
    labels = {"backend": "alpha", "health": "unknown"}
    assert sample("dockwarden_gpu_looks_total", labels) == 1


def test_names_follow_the_conventions() -> None:
    for one in METRICS:
        assert one.name.startswith("dockwarden_")
        assert one.name.endswith("_total") == (one.kind == "Counter")
        if one.kind == "Histogram":
            assert one.name.endswith("_seconds")


def test_a_manager_is_served_on_loopback_alone(tmp_path: Path) -> None:
    (tmp_path / "docker-compose.yml").write_text("services: {alpha: {image: none}}")
    file = tmp_path / "docker-compose.yml"
    with ContainerManager(file, runtime="process") as manager, serve(manager, 0) as endpoint:
        manager.start_services(["alpha"])
        assert manager.execute("alpha", ["true"]).succeeded
        told = scraped(endpoint.url)
        assert endpoint._server.server_address[0] == LOOPBACK
    assert told["dockwarden_backend_state", "alpha", "ready"] == 1
    assert told["dockwarden_backend_busy_seconds_count", "alpha"] == 1
    endpoint.close()


def test_a_port_that_is_taken(tmp_path: Path) -> None:
    with socket.create_server((LOOPBACK, 0)) as taken_already:
        port = taken_already.getsockname()[1]
        with pytest.raises(SetupError, match=f"port {port}.*choose another"):
            serve(Stage(tmp_path), port)  # type: ignore[arg-type]


def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    with pytest.raises(MissingExtra, match=r"pip install 'dockwarden\[metrics\]'"):
        Metrics()


def test_the_command_says_where(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "docker-compose.yml").write_text("services: {alpha: {image: none}}")
    (tmp_path / "c.yml").write_text(
        "{name: c, runtime: process, experiments: [{name: x, backend: alpha, command: ['true']}]}"
    )
    assert invoke(["run", "--metrics", "0", str(tmp_path / "c.yml")]) == 0
    assert "metrics are at http://127.0.0.1:" in capfd.readouterr().err
