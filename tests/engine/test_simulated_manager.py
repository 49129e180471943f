"""The manager on the simulated runtime: an embedded rehearsal."""

from __future__ import annotations

from pathlib import Path

from engine.manager import ContainerManager


def test_a_program_runs_on_simulated_containers(tmp_path: Path) -> None:
    file = tmp_path / "docker-compose.yml"
    file.write_text("services: {alpha: {image: any}}\n")
    with ContainerManager(file, runtime="simulated") as manager:
        manager.start_services(["alpha"])
        assert manager.execute("alpha", ["no", "such", "program"]).succeeded
        assert manager.is_service_running("alpha")
    assert manager.states == {"alpha": "stopped"}
