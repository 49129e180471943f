"""Real Compose reads the files where it is to be had; our own reader where it is not; one model comes out."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.compose import load_project, needed
from engine.errors import ComposeError
from engine.model.secrets import project_secrets
from engine.runtimes.compose.program import OLDEST, compose_program, is_supported
from engine.runtimes.selection import read_project
from tests.compose.conftest import compose_binary
from tests.compose.reading import shape

__all__ = ["compose_binary"]

Write = Callable[..., Path]


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the Docker CLI would find Compose; nothing is there yet."""
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "settings"))
    monkeypatch.setattr("engine.runtimes.compose.program._PLUGIN_FOLDERS", ())
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    folder = tmp_path / "settings" / "cli-plugins"
    folder.mkdir(parents=True)
    return folder / "docker-compose"


@pytest.fixture
def calls(plugin: Path, compose_binary: Path, tmp_path: Path) -> Callable[[], list[str]]:
    """Real Compose as the plugin; gives the calls of it, each a line."""
    log = tmp_path / "calls"
    log.touch()
    plugin.write_text(f'#!/bin/sh\necho "$*" >> {log}\nexec {compose_binary} "$@"\n')
    plugin.chmod(0o755)
    return lambda: log.read_text().splitlines()


@pytest.fixture
def write(tmp_path: Path) -> Write:
    folder = tmp_path / "project"
    folder.mkdir()

    def write(text: str, name: str = "compose.yml") -> Path:
        (folder / name).write_text(text)
        return folder / name

    return write


def fake(plugin: Path, version: str, *, exit_code: int = 1) -> None:
    plugin.write_text(
        f'#!/bin/sh\ncase "$1" in version) echo {version};; *) exit {exit_code};; esac\n'
    )
    plugin.chmod(0o755)


INCLUDING = """
include: [more.yml]
services:
  a: {image: x, depends_on: [b], environment: {PASSWORD: "${SECRET_WORD}", UNSET: "$NOWHERE"}}
"""


@pytest.mark.parametrize("runtime", ["docker", "auto", "simulated"])
def test_compose_reads_by_one_call(
    runtime: str, calls: Callable[[], list[str]], write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_WORD", "a very secret word")
    write("services: {b: {image: y}}", "more.yml")

    project = read_project(runtime, write(INCLUDING))

    assert project.read_by.startswith("Docker Compose ")
    assert needed(project, ["a"]) == ("b", "a")
    assert [line for line in calls() if " config " in line] == [
        line for line in calls() if line != "version --short"
    ]
    assert len(calls()) == 2
    assert "the variable NOWHERE is not set; it is taken as empty" in project.warnings
    assert "secret" not in project_secrets(project).hide("it is a very secret word")


def test_nothing_that_was_filled_in_is_written_down(
    calls: Callable[[], list[str]], write: Write, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SECRET_WORD", "a very secret word")
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    write("services: {b: {image: y}}", "more.yml")

    read_project("docker", write(INCLUDING))

    for file in filter(Path.is_file, tmp_path.rglob("*")):
        assert "a very secret word" not in file.read_text()


def test_both_readers_come_to_one_model(calls: Callable[[], list[str]], write: Write) -> None:
    file = write(
        """
        name: Both
        services:
          a:
            build: {context: ., args: {A: "1"}}
            command: serve "$$HOME"
            gpus: [{count: 0}]
            environment: {A: 1e6}
            volumes: ["./data:/data", "models:/models"]
            ulimits: {core: 0}
        volumes: {models: }
        """
    )
    theirs, ours = read_project("docker", file), load_project(file)

    assert (theirs.name, theirs.files, theirs.directory) == (ours.name, ours.files, ours.directory)
    assert shape(theirs.services["a"]) == shape(ours.services["a"])
    assert (theirs.networks, theirs.volumes) == (ours.networks, ours.volumes)


def test_what_creating_cannot_do_is_refused_with_a_pointer(
    calls: Callable[[], list[str]], write: Write
) -> None:
    file = write("services: {a: {image: x, post_start: [{command: [a]}]}, b: {image: x}}")

    project = read_project("docker", file)

    assert needed(project, ["b"]) == ("b",)
    with pytest.raises(ComposeError, match="runtime: compose") as caught:
        needed(project, ["a"])
    assert (caught.value.service, caught.value.key) == ("a", "services.a.post_start")
    assert str(file) in str(caught.value)


def test_a_key_that_a_newer_compose_knows_is_refused_by_its_name(
    plugin: Path, write: Write, tmp_path: Path
) -> None:
    new = {
        "a": {"image": "x", "healthcheck": {"mood": 1}},
        "b": {"image": "x"},
        "c": {"novel": {}, "image": "x"},
    }
    printed = tmp_path / "printed.json"
    printed.write_text(json.dumps({"name": "p", "services": new}))
    plugin.write_text(f'#!/bin/sh\ncase "$1" in version) echo 9.0.0;; *) cat {printed};; esac\n')
    plugin.chmod(0o755)

    project = read_project("docker", write("services: {}"))

    assert needed(project, ["b"]) == ("b",)
    for name, key in (("a", "healthcheck.mood"), ("c", "novel")):
        with pytest.raises(ComposeError, match="newer than what dockwarden knows") as caught:
            needed(project, [name])
        assert caught.value.key == f"services.{name}.{key}"


@pytest.mark.parametrize(
    ("keys", "key"),
    [
        ("expose: [x]", "expose[0]"),
        ("cpus: -1", "cpus"),
        ("secrets: [s]\n    volumes: ['/a:/run/secrets/s']", "secrets[0]"),
    ],
)
def test_a_value_that_compose_takes_and_no_container_can_have_stops_only_what_needs_it(
    keys: str, key: str, calls: Callable[[], list[str]], write: Write
) -> None:
    top = "secrets: {s: {file: ./s}}\nservices:\n  b: {image: x}\n  a:\n    image: x\n    "
    file = write(f"{top}{keys}\n")

    project = read_project("docker", file)

    assert needed(project, ["b"]) == ("b",)
    with pytest.raises(ComposeError) as caught:
        needed(project, ["a"])
    assert (caught.value.service, caught.value.key) == ("a", f"services.a.{key}")
    with pytest.raises(ComposeError, match=re.escape(f"services.a.{key}: ")):
        needed(load_project(file), ["a"])


def test_an_empty_name_is_refused_as_that(calls: Callable[[], list[str]], write: Write) -> None:
    with pytest.raises(ComposeError, match="a name here is empty") as caught:
        needed(
            read_project("docker", write("services: {a: {image: x, environment: ['=b']}}")), ["a"]
        )
    assert caught.value.key == "services.a.environment."


def test_jobs_are_refused_by_their_name(calls: Callable[[], list[str]], write: Write) -> None:
    text = "services: {a: {image: x}}\njobs: {j: {image: y, triggers: {manual: true}}}"
    with pytest.raises(ComposeError, match="jobs are not run here; real Compose can"):
        needed(read_project("docker", write(text)), ["a"])


def test_what_compose_says_of_a_file_is_passed_on(
    calls: Callable[[], list[str]], write: Write
) -> None:
    with pytest.raises(
        ComposeError, match=r"Docker Compose [\d.]+ says: .*imagine.*; correct the file"
    ):
        read_project("docker", write("services: {a: {imagine: x}}"))


def test_a_missing_environment_file_stops_only_what_needs_it(
    calls: Callable[[], list[str]], write: Write
) -> None:
    file = write("services: {a: {image: x, env_file: absent.env}, b: {image: x}}")

    project = read_project("docker", file)

    assert needed(project, ["b"]) == ("b",)
    with pytest.raises(ComposeError, match="there is no env_file"):
        needed(project, ["a"])


ALIKE = """
services:
  ollama-cpu: {image: x, container_name: ollama, profiles: [cpu]}
  ollama-gpu: {image: x, container_name: ollama, profiles: [gpu], env_file: absent.env}
"""


def test_containers_named_alike_stop_only_what_needs_both(
    calls: Callable[[], list[str]], write: Write
) -> None:
    project = read_project("docker", write(ALIKE))

    assert needed(project, ["ollama-cpu"]) == ("ollama-cpu",)
    with pytest.raises(ComposeError, match=r"the container of 'ollama-[cg]pu' is named 'ollama'"):
        needed(project, ["ollama-cpu", "ollama-gpu"], refuse=False)


def test_without_compose_our_own_reader_reads(plugin: Path, write: Write) -> None:
    assert compose_program() is None
    assert read_project("docker", write("services: {a: {image: x}}")).read_by == "dockwarden"


def test_local_processes_need_no_compose(calls: Callable[[], list[str]], write: Write) -> None:
    assert read_project("process", write("services: {a: {image: x}}")).read_by == "dockwarden"
    assert calls() == []


@pytest.mark.parametrize("version", ["1.29.2", "2.40.0", "5.2.9", "nonsense"])
def test_a_compose_that_was_not_tried_is_not_relied_on(
    version: str, plugin: Path, write: Write
) -> None:
    fake(plugin, version)
    assert read_project("docker", write("services: {a: {image: x}}")).read_by == "dockwarden"


def test_a_program_that_cannot_be_run_is_not_relied_on(plugin: Path, write: Write) -> None:
    plugin.write_text("#!/no/such/interpreter\n")
    plugin.chmod(0o755)
    assert read_project("docker", write("services: {a: {image: x}}")).read_by == "dockwarden"


def test_the_program_of_a_python_environment_is_left_alone(
    plugin: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "env"))
    (tmp_path / "env" / "bin").mkdir(parents=True)
    fake(tmp_path / "env" / "bin" / "docker-compose", "5.6.1")
    monkeypatch.setenv("PATH", str(tmp_path / "env" / "bin"))
    assert compose_program() is None

    other = tmp_path / "bin"
    other.mkdir()
    fake(other / "docker-compose", "5.6.1")
    monkeypatch.setenv("PATH", os.pathsep.join((str(tmp_path / "env" / "bin"), str(other))))
    assert compose_program() == other / "docker-compose"


def test_plugins_in_folders_of_the_users_own_are_found(plugin: Path, tmp_path: Path) -> None:
    (tmp_path / "plugins").mkdir()
    settings = plugin.parents[1] / "config.json"
    settings.write_text(json.dumps({"cliPluginsExtraDirs": [str(tmp_path / "plugins")]}))
    fake(tmp_path / "plugins" / "docker-compose", "5.6.1")
    assert compose_program() == tmp_path / "plugins" / "docker-compose"


def test_which_versions_are_relied_on() -> None:
    oldest = ".".join(map(str, OLDEST))
    assert is_supported(f"{oldest}.0")
    assert is_supported("v5.6.1")
    assert is_supported("6.0")
    assert not is_supported("5.2")
    assert not is_supported("")
