"""The pytest plugin, in a test run of a user's own."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from tests.lab import BASE_IMAGE

pytest_plugins = ["pytester"]


def run(pytester: pytest.Pytester, source: str, *arguments: str) -> pytest.RunResult:
    pytester.makepyfile(source)
    return pytester.runpytest("-p", "no:cacheprovider", *arguments)


def test_it_brings_no_heavy_package_into_the_start_of_pytest() -> None:
    code = "import sys, engine.testing.plugin; print(sorted({'hypothesis', 'docker', 'rich', 'transitions', 'asyncio'} & {*sys.modules}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_a_manager_blocks_in_virtual_time(pytester: pytest.Pytester) -> None:
    result = run(
        pytester,
        """
        def test_it(simulated_manager, virtual_clock):
            simulated_manager.start_services(["alpha"])
            assert simulated_manager.execute("alpha", ["train"]).succeeded
            simulated_manager.advance(3600)
            assert 3600 < virtual_clock.now_s < 3610
            assert simulated_manager.states == {"alpha": "ready"}
            simulated_manager.befall("killed", "alpha")
            simulated_manager.advance(60)
            assert [t.event for t in simulated_manager._stream._taken[-3:]] == [
                "fault", "recover", "proved_ready"]
        """,
    )
    result.assert_outcomes(passed=1)


def test_a_controller_is_driven_step_by_step(pytester: pytest.Pytester) -> None:
    result = run(
        pytester,
        """
        import asyncio

        def test_it(simulation, faults):
            faults.order("server_error", call="create")
            simulation.start("alpha", "beta")
            assert simulation.states == {"alpha": "ready", "beta": "ready"}
            assert faults.struck == {"server_error": 1}
            running = simulation.begin(simulation.controller.execute("alpha", ["x"], id="one"))
            simulation.advance(0.5)
            simulation.befall("out_of_memory", "alpha")
            simulation.advance(10)
            assert running.result().ending.value == "lost"

        def test_chance_is_seeded(simulation, faults):
            faults.by_chance(1.0, seed=7, only=frozenset({"slow_start"}))
            simulation.start("alpha")
            assert faults.struck == {"slow_start": 1}
        """,
    )
    result.assert_outcomes(passed=2)


def test_a_project_says_what_is_simulated(pytester: pytest.Pytester) -> None:
    pytester.makefile(".yml", compose="services: {gamma: {image: any}}")
    result = run(
        pytester,
        """
        from pathlib import Path
        import pytest
        from engine.policy import BackendPolicy, RestartPolicy

        @pytest.fixture
        def simulated_compose_file():
            return Path("compose.yml")

        @pytest.fixture
        def simulated_policies():
            return {"gamma": BackendPolicy(RestartPolicy(max_restarts=0))}

        def test_it(simulation):
            simulation.start("gamma")
            simulation.befall("killed", "gamma")
            simulation.advance(1)
            assert simulation.states == {"gamma": "exhausted"}
        """,
    )
    result.assert_outcomes(passed=1)


def test_what_is_left_behind_fails_the_test(pytester: pytest.Pytester) -> None:
    result = run(
        pytester,
        """
        import subprocess, sys, os, pytest
        from engine import ContainerManager

        @pytest.mark.usefixtures("leak_check")
        def test_forgets(simulated_manager):
            simulated_manager.start_services(["alpha"])

        def test_takes_down(simulated_manager, leak_check):
            with simulated_manager as manager:
                manager.start_services(["alpha"])

        def test_leaves_a_process(leak_check, simulated_compose_file):
            manager = ContainerManager(simulated_compose_file, runtime="process")
            manager.start_services(["alpha"])
            pytest.manager = manager

        def test_then_takes_it_down(leak_check):
            pytest.manager.teardown()
            pytest.manager.close()
        """,
    )
    result.assert_outcomes(passed=4, errors=2)
    result.stdout.fnmatch_lines(
        [
            "left behind: the container alpha-*; the network of simulated",
            "left behind: the process *",
        ]
    )


@pytest.mark.docker
@pytest.mark.usefixtures("engine")
def test_what_is_left_on_a_docker_engine_fails_the_test(pytester: pytest.Pytester) -> None:
    pytester.makeini("[pytest]\ndockwarden_leak_check_docker = true")
    service = {"image": BASE_IMAGE, "stop_grace_period": "0s"}
    project = f"dockwarden-leaks-{os.getpid()}"
    compose = {"name": project, "services": {"alpha": service}}
    pytester.makefile(".yml", compose=json.dumps(compose))
    pytester.makepyfile(
        """
        import pytest
        from engine import ContainerManager

        def test_takes_down(leak_check):
            with ContainerManager("compose.yml", runtime="docker") as manager:
                manager.start_services(["alpha"])

        def test_leaves_a_container(leak_check):
            pytest.manager = ContainerManager("compose.yml", runtime="docker")
            pytest.manager.start_services(["alpha"])

        def test_does_not_answer_for_what_was_there_before(leak_check):
            pass

        def test_then_takes_it_down(leak_check):
            pytest.manager.teardown()
            pytest.manager.close()
        """
    )
    # By itself: in this process the packages of the client would be loaded twice.
    result = pytester.runpytest_subprocess("-p", "no:cacheprovider")
    result.assert_outcomes(passed=4, errors=1)
    result.stdout.fnmatch_lines(
        [f"left behind: *the container {project}-alpha-1; the network {project}_default"]
    )


def test_a_docker_engine_that_is_to_be_looked_at_must_be_there(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytester.makeini("[pytest]\ndockwarden_leak_check_docker = true")
    monkeypatch.setenv("DOCKER_HOST", f"unix://{pytester.path}/none.sock")
    result = run(pytester, "def test_it(leak_check): pass")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*dockwarden_leak_check_docker is set, and *"])


def test_a_fault_that_does_not_exist_is_refused(pytester: pytest.Pytester) -> None:
    result = run(
        pytester,
        """
        import pytest
        from engine.errors import InputError

        def test_it(faults, simulation):
            with pytest.raises(InputError, match="did you mean 'killed'"):
                faults.order("kiled")
            with pytest.raises(InputError, match="it strikes: create, exec_create"):
                faults.order("lost_reply", call="find")
            with pytest.raises(InputError, match="no container of alpha runs"):
                simulation.befall("killed", "alpha")
            with pytest.raises(InputError, match="order it instead"):
                simulation.befall("lost_reply", "alpha")
        """,
    )
    result.assert_outcomes(passed=1)


def test_the_summary_shows_what_was_covered(pytester: pytest.Pytester) -> None:
    result = run(
        pytester,
        """
        from engine.testing.stateful import LifecycleSuite
        from states import EXPERIMENT

        class TestExperiment(LifecycleSuite):
            lifecycle = EXPERIMENT
            examples = 2
        """,
        "-n1",
    )
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["*coverage of lifecycles*", "*pairs of edges * 22 * 22 *"])
