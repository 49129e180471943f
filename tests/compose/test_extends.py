"""Services laid over others."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from engine.errors import ComposeError
from engine.model.spec import Project

Load = Callable[..., Project]
Refused = Callable[..., ComposeError]


def test_a_service_takes_what_it_does_not_say(load: Load) -> None:
    project = load("""
        services:
          base: {image: x, environment: {A: base, B: base}, command: base}
          a: {extends: base, environment: [B=own], command: own}
    """)

    service = project.services["a"]
    assert service.image == "x"
    assert service.environment == {"A": "base", "B": "own"}
    assert service.command == ("own",)


def test_paths_of_another_file_start_from_there(load: Load, folder: Path) -> None:
    project = load(
        "services: {a: {extends: {file: shared/base.yml, service: base}, volumes: [./own:/own]}}",
        {
            "shared/base.yml": "services: {base: {image: x, volumes: [./data:/data], env_file: here.env}}",
            "shared/here.env": "HERE=1",
        },
    )

    service = project.services["a"]
    assert [mount.source for mount in service.mounts] == [f"{folder}/shared/data", f"{folder}/own"]
    assert service.environment == {"HERE": "1"}


def test_a_chain_goes_through_files(load: Load) -> None:
    project = load(
        "services: {a: {extends: {file: one/b.yml, service: b}}}",
        {
            "one/b.yml": "services: {b: {extends: {file: ../two/c.yml, service: c}, user: b}}",
            "two/c.yml": "services: {c: {image: x, user: c, hostname: c}}",
        },
    )

    service = project.services["a"]
    assert (service.image, service.user, service.hostname) == ("x", "b", "c")


def test_what_is_not_there_is_said(refused: Refused) -> None:
    error = refused("services: {base: {image: x}, a: {extends: {service: bas}}}")

    assert error.key == "services.a.extends.service"
    assert "there is no service 'bas' in docker-compose.yml; did you mean 'base'?" in str(error)


def test_a_file_that_is_not_there_is_said(refused: Refused) -> None:
    error = refused("services: {a: {extends: {file: nope.yml, service: b}}}")

    assert error.file == "nope.yml"
    assert "there is no such file" in str(error)


def test_a_circle_is_shown(refused: Refused) -> None:
    error = refused("services: {a: {extends: b}, b: {extends: a}}")
    assert "docker-compose.yml: a -> docker-compose.yml: b -> docker-compose.yml: a" in str(error)


def test_what_is_extended_is_checked_too(refused: Refused) -> None:
    error = refused(
        "services: {a: {extends: {file: b.yml, service: b}}}",
        files={"b.yml": "services: {b: {imag: x}}"},
    )
    assert (error.file, error.key) == ("b.yml", "services.b.imag")
