"""Compose files of a test's own, and proof that nothing of their project stays."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from docker.api import APIClient

from engine.runtimes.docker.daemon.client import connect
from tests.lab import BASE_IMAGE, Engine

PROJECT = f"dockwarden-compose-{os.getpid()}"
"""Files of tests run side by side on one engine, each in a separate process."""
BASE: dict[str, Any] = {"image": BASE_IMAGE}

Compose = Callable[..., Path]


@pytest.fixture
def api(engine: Engine) -> Iterator[APIClient]:
    client = connect()
    yield client
    client.close()


@pytest.fixture
def compose(tmp_path: Path) -> Compose:
    def write(
        services: dict[str, Any],
        name: str = "docker-compose.yml",
        project: str = PROJECT,
        **top: Any,
    ) -> Path:
        file = tmp_path / name
        model = {"name": project, "services": services, **top}
        file.write_text(json.dumps(model, ensure_ascii=False), encoding="utf-8")
        return file

    return write


@pytest.fixture
def nothing_left(api: APIClient) -> Iterator[None]:
    """Nothing of the project was there before, and nothing is afterwards."""

    def there() -> tuple[list[Any], list[Any]]:
        label = {"label": f"com.docker.compose.project={PROJECT}"}
        return api.containers(all=True, filters=label), api.networks(filters=label)

    assert there() == ([], [])
    yield
    assert there() == ([], [])
