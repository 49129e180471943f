"""Podman calls some events by other names than Docker; readers see Docker's."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any, cast
from unittest.mock import Mock

import pytest
from docker.api import APIClient

from engine.runtimes.docker.daemon.events import EventStream


class Client:
    """An engine that tells of one event, and then of nothing until its stream is closed."""

    def __init__(self, action: str, asked: dict[str, Any]) -> None:
        self.action, self.asked = action, asked

    def events(self, **how: Any) -> Iterator[dict[str, Any]]:
        self.asked.update(how["filters"])
        yield {"Action": self.action, "time": 1}

    def close(self) -> None:
        """Nothing is open."""


@pytest.mark.parametrize(
    ("sent", "seen"), [("exec_died", "exec_die"), ("remove", "destroy"), ("die", "die")]
)
def test_a_reader_sees_dockers_name(sent: str, seen: str) -> None:
    asked: dict[str, Any] = {}

    async def story() -> str:
        first: asyncio.Future[str] = asyncio.get_running_loop().create_future()

        def on_event(event: dict[str, Any]) -> None:
            if not first.done():
                first.set_result(event["Action"])

        client = cast("APIClient", Client(sent, asked))
        patience = Mock(wait_out=lambda connect, _closing: connect())
        stream = EventStream({}, on_event, lambda: None, patience, lambda: client)
        stream.start(since=0)
        try:
            return await first
        finally:
            stream.close()

    assert asyncio.run(story()) == seen
    assert sent in asked["event"]
