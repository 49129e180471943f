"""How commands hand back metrics and artifacts in the containers of any runtime."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Final

import pytest
from attrs import evolve

from engine.model.measurements import Declared
from engine.runtimes.base import Container, ExecRequest, Fetching
from engine.spool.handed import ARTIFACTS, HANDED, METRICS
from engine.testing.conformance.harness import Harness, scenario
from engine.testing.conformance.rig import PATIENCE_S, Rig
from engine.testing.conformance.scripts import HANDS_BACK, PASSES, WRITES_FILE

__all__ = ["HandingBackBehaviour"]

_LARGE: Final = 100_000


class HandingBackBehaviour(Harness):
    """Metrics and artifacts, in the slot and from elsewhere in the container."""

    @scenario
    async def test_what_a_command_hands_back_is_in_its_slot_when_it_has_ended(
        self, rig: Rig
    ) -> None:
        container = await rig.ready("one")
        request = rig.request(container, *self.spell(HANDS_BACK, "handed"))
        assert (await rig.run(container, request)).exit_code == 0
        handed = request.folder / HANDED
        assert (handed / METRICS).read_text() == "handed"
        assert (handed / ARTIFACTS / "deep" / "file").read_text() == "handed"

    @scenario
    async def test_each_command_begins_with_an_empty_folder(self, rig: Rig) -> None:
        container = await rig.ready("one")
        await rig.do(container, HANDS_BACK, "earlier")
        request = rig.request(container, *self.spell(PASSES))
        await rig.run(container, request)
        handed = request.folder / HANDED
        assert (handed / METRICS).read_text() == ""
        assert list((handed / ARTIFACTS).iterdir()) == []

    @pytest.mark.parametrize("pattern", ["/data/inner/*.json", "*.json", "r.json", "/data/**/r*"])
    @scenario
    async def test_a_file_is_fetched_from_where_a_command_wrote_it(
        self, rig: Rig, pattern: str
    ) -> None:
        container = await rig.ready("placed")
        request = rig.request(container, *self.spell(WRITES_FILE, "r.json", "handed"))
        await rig.run(container, request)
        await rig.run(container, rig.request(container, *self.spell(WRITES_FILE, "o.txt", "")))
        into, warnings = await self.fetched(rig, container, request, Declared(artifacts=(pattern,)))
        at = "data/inner/r.json" if pattern.startswith("/") else "r.json"
        assert ((into / at).read_text(), warnings) == ("handed", ())
        assert [one.name for one in into.rglob("*") if one.is_file()] == ["r.json"]

    @scenario
    async def test_links_pipes_and_what_is_too_large_are_told_and_left(self, rig: Rig) -> None:
        inner = rig.folder / "shared" / "inner"
        (inner / "link.json").symlink_to("/etc/passwd")
        os.mkfifo(inner / "pipe.json")
        (inner / "large.json").write_bytes(b"x" * _LARGE)
        (inner / "good.json").write_text("good")
        container = await rig.ready("placed")
        request = rig.request(container, *self.spell(PASSES))
        await rig.run(container, request)
        measure = Declared(artifacts=("*.json",), max_artifacts_bytes=_LARGE - 1)
        into, warnings = await self.fetched(rig, container, request, measure)
        files = {one.name for one in into.rglob("*") if one.is_file() and not one.is_symlink()}
        assert "good.json" in files
        assert not files & {"link.json", "pipe.json", "large.json"}
        for name in ("link.json", "pipe.json", "large.json"):
            assert [warning for warning in warnings if name in warning], name

    @scenario
    async def test_what_is_not_there_stops_nothing(self, rig: Rig) -> None:
        container = await rig.ready("placed")
        request = rig.request(container, *self.spell(PASSES))
        await rig.run(container, request)
        (rig.folder / "shared" / "inner" / "r.json").write_text("there")
        measure = Declared(artifacts=("/nowhere-at-all/*.json", "/data/inner/r.json"))
        into, _ = await self.fetched(rig, container, request, measure)
        files = {one.relative_to(into).as_posix() for one in into.rglob("*") if one.is_file()}
        assert files == {"data/inner/r.json"}

    async def fetched(
        self, rig: Rig, container: Container, request: ExecRequest, measure: Declared
    ) -> tuple[Path, tuple[str, ...]]:
        """Fetch the files of a command that has ended."""
        if not isinstance(rig.runtime, Fetching):
            pytest.skip(f"the runtime {rig.runtime.name} does not fetch files")
        into = rig.folder / "into"
        into.mkdir()
        async with asyncio.timeout(PATIENCE_S):
            warnings = await rig.runtime.fetch(container, evolve(request, measure=measure), into)
        return into, warnings
