"""What the engine says of a container's files is the container's to choose."""

from __future__ import annotations

import base64
import json
from types import SimpleNamespace
from typing import Any

import pytest

from engine.runtimes.docker.daemon import archive


class Client:
    """Answers with one file's description."""

    base_url = "http://engine"
    api_version = "1.41"

    def __init__(self, told: Any) -> None:
        packed = base64.b64encode(json.dumps(told).encode()).decode()
        self._headers = {"X-Docker-Container-Path-Stat": packed}

    def head(self, *_: Any, **__: Any) -> Any:
        return SimpleNamespace(
            status_code=200, headers=self._headers, raise_for_status=lambda: None
        )


def test_a_file_is_described() -> None:
    told = {"size": 5, "mode": 0o644, "mtime": "2026-01-31T10:15:00.123456789Z"}
    seen = archive.look(Client(told), "container", "/file")  # type: ignore[arg-type]
    assert seen is not None
    assert (seen.size_bytes, round(seen.written_s)) == (5, 1769854500)


@pytest.mark.parametrize("mtime", ["0000-06-01T00:00:00Z", "12026-01-01T00:00:00Z", ""])
def test_a_time_that_no_calendar_has_is_an_error_of_the_file(mtime: str) -> None:
    with pytest.raises(OSError, match="does not say of /file"):
        archive.look(Client({"size": 5, "mtime": mtime}), "container", "/file")  # type: ignore[arg-type]
