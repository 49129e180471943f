"""What a build is asked for: everything that the file says of it, and that the SDK can do."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from engine.compose import load_project
from engine.runtimes.docker.containers.images import ensure_image


class Builder:
    """Stands for the SDK's client, and keeps what it is asked for."""

    def __init__(self) -> None:
        self.asked: dict[str, Any] = {}

    def build(self, **asked: Any) -> Iterator[dict[str, str]]:
        self.asked = asked
        return iter(())


@pytest.mark.parametrize(
    ("keys", "asked"),
    [
        ("extra_hosts: ['m:10.0.0.9', 'n=::1']", {"extra_hosts": {"m": "10.0.0.9", "n": "::1"}}),
        ("no_cache: true", {"nocache": True}),
        ("pull: true", {"pull": True}),
        ("cache_from: [a:1, b:2]", {"cache_from": ["a:1", "b:2"]}),
        ("target: t", {"target": "t"}),
        ("args: {A: 1e6}", {"buildargs": {"A": "1e+06"}}),
        ("labels: {a: b}", {"labels": {"a": "b"}}),
        ("network: host", {"network_mode": "host"}),
        ("shm_size: 64m", {"shmsize": 64 * 1024**2}),
        ("dockerfile: other", {"dockerfile": "other"}),
    ],
)
def test_a_key_of_a_build_is_honoured(tmp_path: Path, keys: str, asked: dict[str, Any]) -> None:
    file = tmp_path / "compose.yml"
    file.write_text(
        f"services: {{a: {{pull_policy: build, build: {{context: ., {keys}}}}}}}", encoding="utf-8"
    )
    project = load_project(file, environ={})
    builder = Builder()

    ensure_image(builder, project, project.services["a"])  # type: ignore[arg-type]

    assert builder.asked.items() >= asked.items()
