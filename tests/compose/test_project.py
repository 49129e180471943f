"""The project as a whole: its name, folder, files, networks and volumes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from engine.compose import load_project
from engine.errors import ComposeError
from engine.model.spec import NetworkSpec, Project, VolumeSpec

Load = Callable[..., Project]
Refused = Callable[..., ComposeError]

ONE = "services: {a: {image: x}}"


@pytest.mark.parametrize(
    ("options", "top", "expected"),
    [
        ({}, "", "project"),
        ({}, "name: top", "top"),
        ({}, "name: My_Top", "my_top"),
        ({"env": {"N": "by-variable"}}, "name: ${N}", "by-variable"),
        ({"env": {"COMPOSE_PROJECT_NAME": "variable"}}, "name: top", "variable"),
        ({"env": {"COMPOSE_PROJECT_NAME": ""}}, "name: top", "top"),
        ({"files": {".env": "COMPOSE_PROJECT_NAME=dotenv"}}, "name: top", "dotenv"),
        (
            {"project_name": "argument", "env": {"COMPOSE_PROJECT_NAME": "variable"}},
            "name: top",
            "argument",
        ),
    ],
)
def test_where_the_name_comes_from(
    load: Load, options: dict[str, Any], top: str, expected: str
) -> None:
    assert load(f"{top}\n{ONE}", **options).name == expected


@pytest.mark.parametrize(
    ("folder_name", "expected"),
    [("My Project", "myproject"), ("_x.y-Z", "xy-z"), ("2024 run", "2024run")],
)
def test_a_folder_name_is_normalised(tmp_path: Path, folder_name: str, expected: str) -> None:
    (tmp_path / folder_name).mkdir()
    (tmp_path / folder_name / "c.yml").write_text(ONE)
    assert load_project(tmp_path / folder_name / "c.yml", environ={}).name == expected


@pytest.mark.parametrize("name", ["Top", "a b", "-a", "é"])
def test_a_variable_that_is_no_name_is_refused(refused: Refused, name: str) -> None:
    error = refused(ONE, env={"COMPOSE_PROJECT_NAME": name})
    assert error.key == "name"
    assert "use small letters" in str(error)


def test_a_folder_that_gives_no_name_is_told_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "É").mkdir()
    (tmp_path / "É" / "c.yml").write_text(ONE)
    with pytest.raises(ComposeError, match="write a top-level name"):
        load_project(tmp_path / "É" / "c.yml", environ={})


def test_paths_start_from_the_first_file(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "c.yml").write_text("services: {a: {image: x, volumes: [./v:/v]}}")
    (tmp_path / "two.yml").write_text("services: {a: {volumes: [./w:/w]}}")

    project = load_project([tmp_path / "one" / "c.yml", tmp_path / "two.yml"], environ={})

    assert project.directory == tmp_path / "one"
    assert project.files == (tmp_path / "one" / "c.yml", tmp_path / "two.yml")
    assert [mount.source for mount in project.services["a"].mounts] == [
        f"{tmp_path}/one/v",
        f"{tmp_path}/one/w",
    ]


def test_a_project_folder_can_be_given(tmp_path: Path) -> None:
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "c.yml").write_text("services: {a: {image: x, volumes: [./v:/v]}}")

    project = load_project("files/c.yml", tmp_path, environ={})

    assert project.directory == tmp_path
    assert project.services["a"].mounts[0].source == f"{tmp_path}/v"


def test_a_relative_file_starts_from_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "docker-compose.yml").write_text(ONE)
    monkeypatch.chdir(tmp_path)
    assert load_project(environ={}).directory == tmp_path


def test_dot_env_gives_variables_and_the_environment_wins(load: Load, folder: Path) -> None:
    project = load(
        "services: {a: {image: '$IMAGE', hostname: '$HOST', environment: [HOST]}}",
        {".env": "IMAGE=from-file\nHOST=from-file\n"},
        {"HOST": "from-caller"},
    )

    service = project.services["a"]
    assert (service.image, service.hostname) == ("from-file", "from-caller")
    assert service.environment == {"HOST": "from-caller"}
    assert project.environment_file == folder / ".env"


def test_a_broken_dot_env_is_said(refused: Refused) -> None:
    assert "line 1: it is not NAME=value" in str(refused(ONE, files={".env": "not a line\n"}))


def test_the_process_environment_is_the_default(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "docker-compose.yml").write_text("services: {a: {image: $SOME_IMAGE}}")
    monkeypatch.setenv("SOME_IMAGE", "of-the-process")
    assert load_project(folder / "docker-compose.yml").services["a"].image == "of-the-process"


def test_a_missing_variable_outside_services_is_a_warning_of_the_project(load: Load) -> None:
    project = load(f"{ONE}\nvolumes: {{v: {{name: 'v-$NOWHERE'}}}}")
    assert project.warnings == ("the variable NOWHERE is not set; it is taken as empty",)


@pytest.mark.parametrize("name", ["docker-compose.override.yml", "compose.override.yaml"])
def test_an_override_file_beside_a_default_name_is_merged_and_said_so(
    load: Load, folder: Path, name: str
) -> None:
    project = load(ONE, {name: "services: {a: {image: over}}"})

    assert project.services["a"].image == "over"
    assert project.files == (folder / "docker-compose.yml", folder / name)
    (warning,) = project.warnings
    assert warning == (
        f"{name} lies beside docker-compose.yml and is merged over it, as Compose does;"
        " to leave it out, name the files in a list"
    )


def test_an_error_in_an_override_file_names_it(refused: Refused, folder: Path) -> None:
    name = "docker-compose.override.yml"
    error = refused(ONE, files={name: "services: {a: {imag: over}}"})
    assert error.file == str(folder / name)


@pytest.mark.parametrize("compose_file", [["docker-compose.yml"], "mine.yml"])
def test_an_override_file_is_left_alone_beside_a_list_and_beside_other_names(
    load: Load, compose_file: Any
) -> None:
    over = {"mine.yml": ONE, "docker-compose.override.yml": "services: {a: {image: over}}"}

    project = load(ONE, over, compose_file=compose_file)

    assert project.services["a"].image == "x"
    assert project.warnings == ()


def test_an_override_file_that_is_named_is_merged_without_a_word(load: Load) -> None:
    name = "docker-compose.override.yml"
    project = load(
        ONE, {name: "services: {a: {image: over}}"}, compose_file=["docker-compose.yml", name]
    )
    assert project.services["a"].image == "over"
    assert project.warnings == ()


def test_networks_and_volumes_are_named_after_the_project(load: Load) -> None:
    project = load(f"""
{ONE}
networks:
  own: {{driver: bridge, internal: true, labels: [a=b], driver_opts: {{mtu: 1}}}}
  named: {{name: other}}
  outside: {{external: true}}
  old: {{external: {{name: legacy}}}}
volumes:
  data: {{labels: {{a: b}}}}
  given: {{name: other, driver: local}}
  outside: {{external: true, name: real}}
""")

    assert project.networks == {
        "own": NetworkSpec(
            "own",
            "project_own",
            driver="bridge",
            internal=True,
            labels={"a": "b"},
            driver_opts={"mtu": "1"},
        ),
        "named": NetworkSpec("named", "other"),
        "outside": NetworkSpec("outside", "outside", external=True),
        "old": NetworkSpec("old", "legacy", external=True),
        "default": NetworkSpec("default", "project_default"),
    }
    assert project.volumes == {
        "data": VolumeSpec("data", "project_data", labels={"a": "b"}),
        "given": VolumeSpec("given", "other", driver="local"),
        "outside": VolumeSpec("outside", "real", external=True),
    }


def test_an_external_volume_has_no_settings_of_its_own(refused: Refused) -> None:
    error = refused(f"{ONE}\nvolumes: {{v: {{external: true, driver: local}}}}")
    assert error.key == "volumes.v.driver"


def test_no_file_at_all_is_refused() -> None:
    with pytest.raises(ComposeError, match="name at least one"):
        load_project([], environ={})


def test_files_without_services_make_an_empty_project(load: Load) -> None:
    assert load("services: {}").services == {}
    assert load("volumes: {v: }").services == {}
