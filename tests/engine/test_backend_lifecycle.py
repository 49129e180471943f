"""A lifecycle of the user's own: what it has to have, and every place that takes one."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from engine import BackendLifecycle, ContainerManager
from engine.backend import Backend
from engine.control.lifecycles import find_backend_lifecycle, find_lifecycle
from engine.errors import InputError, LifecycleUnknown
from engine.testing.manager import SimulatedManager
from states import BACKEND, EXPERIMENT, Lifecycle
from tests.engine.cooling import COOLING

MODULE = Path(__file__).with_name("cooling.py")


async def cool(_backend: Backend) -> str:
    await asyncio.sleep(30)
    return "cooled"


def edges(transitions: list[Any]) -> list[str]:
    return [f"{one.source} {one.event} {one.target}" for one in transitions]


class TestWhatItHasToHave:
    def test_the_built_in_one_needs_nothing(self) -> None:
        assert BackendLifecycle().table is BACKEND

    def test_an_action_without_a_function_is_named(self) -> None:
        with pytest.raises(
            InputError, match="'cooling' has actions without a function: cool; pass one"
        ):
            BackendLifecycle(COOLING)

    def test_a_function_without_an_action_is_named(self) -> None:
        with pytest.raises(
            InputError, match=r"effects has heat, but .* adds no such actions; it adds: cool"
        ):
            BackendLifecycle(COOLING, effects={"cool": cool, "heat": cool})

    def test_a_table_that_does_not_extend_the_built_in_one_is_refused(self) -> None:
        with pytest.raises(
            InputError, match="'experiment' lacks states that the engine uses: busy"
        ):
            BackendLifecycle(EXPERIMENT)


class TestManager:
    @pytest.fixture
    def compose_file(self, tmp_path: Path) -> Path:
        file = tmp_path / "docker-compose.yml"
        file.write_text("services: {box: {image: box}}")
        return file

    def test_it_runs_a_backend_by_a_lifecycle_with_its_functions(self, compose_file: Path) -> None:
        lifecycle = BackendLifecycle(COOLING, effects={"cool": cool})
        with SimulatedManager(compose_file, lifecycle=lifecycle) as manager:
            stream = manager.transitions()
            manager.start_services(["box"])
            began_s = manager.clock.now_s
            manager.execute("box", ["true"])
            manager.execute("box", ["true"])
            assert manager.clock.now_s - began_s > 30, "the second waits until the device is cool"
        taken = edges(list(stream))
        assert taken[2:5] == ["ready dispatch busy", "busy finish cooling", "cooling cooled ready"]

    def test_a_table_and_its_functions_may_be_given_apart(self, compose_file: Path) -> None:
        manager = ContainerManager(
            compose_file, runtime="simulated", lifecycle=COOLING, effects={"cool": cool}
        )
        manager.close()

    def test_a_function_that_is_missing_is_named_before_anything_is_made(
        self, compose_file: Path, tmp_path: Path
    ) -> None:
        with pytest.raises(InputError, match="without a function: cool"):
            ContainerManager(
                compose_file, runtime="simulated", lifecycle=COOLING, output_dir=tmp_path / "output"
            )
        assert not (tmp_path / "output").exists()


class TestByName:
    @pytest.fixture
    def folder(self, tmp_path: Path, request: pytest.FixtureRequest) -> tuple[Path, str]:
        """A folder with a module of a name that no other test imports."""
        module = f"lifecycles_of_{abs(hash(request.node.nodeid))}"
        shutil.copy(MODULE, tmp_path / f"{module}.py")
        return tmp_path, module

    def test_a_module_in_the_folder_is_found(self, folder: tuple[Path, str]) -> None:
        where, module = folder
        assert find_backend_lifecycle(f"{module}:LIFECYCLE", where).table.name == "cooling"
        assert isinstance(find_lifecycle(f"{module}:LIFECYCLE", where), Lifecycle)

    def test_a_bare_table_that_needs_functions_says_how_to_give_them(
        self, folder: tuple[Path, str]
    ) -> None:
        where, module = folder
        with pytest.raises(
            LifecycleUnknown, match=r"let COOLING be an engine\.BackendLifecycle\(table, effects"
        ):
            find_backend_lifecycle(f"{module}:COOLING", where)


class TestCampaign:
    """Through the command line, as a separate process: it imports the user's module."""

    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        (tmp_path / "docker-compose.yml").write_text("services: {box: {image: box}}")
        shutil.copy(MODULE, tmp_path / "cooling.py")
        (tmp_path / "campaign.yml").write_text(
            json.dumps(
                {
                    "name": "cooled",
                    "runtime": "process",
                    "lifecycle": "cooling:LIFECYCLE",
                    "experiments": [
                        {"name": name, "backend": "box", "command": ["true"]} for name in "ab"
                    ],
                }
            )
        )
        return tmp_path

    def run(self, folder: Path, *words: str, code: int = 0) -> str:
        # From elsewhere: the module is found beside the campaign file.
        asked = [sys.executable, "-m", "dockwarden", *words]
        done = subprocess.run(asked, cwd=folder / "..", capture_output=True, text=True, check=False)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    def test_it_is_run_and_reported_by_the_lifecycle_that_it_names(self, folder: Path) -> None:
        self.run(folder, "run", str(folder / "campaign.yml"))
        history = self.run(folder, "history", str(folder / "results" / "cooled"))
        assert history.count("cooling -> ready") == 2
        results = str(folder / "results" / "cooled")
        refused = self.run(folder, "report", results, "--format", "json", code=2)
        assert "dockwarden report --lifecycle cooling:LIFECYCLE" in refused
        page = folder / "report.html"
        report = ["report", results, "--lifecycle", "cooling:LIFECYCLE", "--output", str(page)]
        asked = [sys.executable, "-m", "dockwarden", *report]
        subprocess.run(asked, cwd=folder, check=True, capture_output=True)
        assert ">cooling<" in page.read_text()

    def test_backends_that_are_brought_up_by_hand_are_run_by_it(self, folder: Path) -> None:
        (folder / "cooling.py").write_text("")
        refused = self.run(folder, "up", str(folder / "campaign.yml"), code=2)
        assert "has nothing called 'LIFECYCLE'" in refused

    def test_a_run_is_resumed_with_its_own_lifecycle_alone(self, folder: Path) -> None:
        self.run(folder, "run", str(folder / "campaign.yml"), "--only", "a")
        campaign = json.loads((folder / "campaign.yml").read_text())
        del campaign["lifecycle"]
        (folder / "campaign.yml").write_text(json.dumps(campaign))
        refused = self.run(folder, "run", str(folder / "campaign.yml"), code=2)
        assert "was begun with another lifecycle" in refused
        self.run(folder, "run", str(folder / "campaign.yml"), "--fresh")

    def test_effects_are_not_run_by_a_simulation(self, folder: Path) -> None:
        refused = self.run(folder, "run", str(folder / "campaign.yml"), "--simulate", code=2)
        assert (
            "cooling:LIFECYCLE cannot be simulated: its effects (cool) would run for real"
            in refused
        )

    def test_a_lifecycle_that_is_not_there_is_refused_before_anything_runs(
        self, folder: Path
    ) -> None:
        (folder / "cooling.py").write_text("")
        refused = self.run(folder, "run", str(folder / "campaign.yml"), code=2)
        assert "cooling:LIFECYCLE: the module cooling has nothing called 'LIFECYCLE'" in refused
        assert not (folder / "results").exists()


def test_metrics_show_the_states_that_it_adds(tmp_path: Path) -> None:
    metrics = pytest.importorskip("engine.metrics").Metrics()
    file = tmp_path / "docker-compose.yml"
    file.write_text("services: {box: {image: box}}")
    lifecycle = BackendLifecycle(COOLING, effects={"cool": cool})

    def shown(state: str) -> float | None:
        labels = {"backend": "box", "state": state}
        value: float | None = metrics.registry.get_sample_value("dockwarden_backend_state", labels)
        return value

    with SimulatedManager(file, lifecycle=lifecycle) as manager:
        metrics.watch(manager._controller)
        manager.start_services(["box"])
        assert (shown("ready"), shown("cooling")) == (1, 0)
        manager.execute("box", ["true"])
        assert (shown("ready"), shown("cooling")) == (0, 1)
        manager.advance(60)
        assert (shown("ready"), shown("cooling")) == (1, 0)
