"""Which container of a dead controller's may be taken over: one that is what would be made now."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from engine.compose import load_project
from engine.model.spec import Mount, MountKind
from engine.runtimes.docker.containers.provisioner import INSIDE, Making
from engine.runtimes.docker.ownership.adoption import spec_label
from engine.runtimes.main_commands import MainCommands


class Client:
    """An engine that has every image."""

    def inspect_image(self, name: str) -> dict[str, Any]:
        return {"Id": f"sha256:{name}"}


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    folder = tmp_path / "spool"
    folder.mkdir()
    return folder


@pytest.fixture
def making(tmp_path: Path) -> Making:
    file = tmp_path / "docker-compose.yml"
    file.write_text("{name: p, services: {alpha: {image: one}}}")
    return Making(load_project(file), MainCommands({}), {})


def label(making: Making, spool: Path) -> dict[str, str]:
    output = Mount(MountKind.BIND, target=INSIDE, source=str(spool))
    return spec_label(making, making.project.services["alpha"], output, Client())  # type: ignore[arg-type]


def test_a_container_is_the_one_that_would_be_made(making: Making, spool: Path) -> None:
    assert label(making, spool) == label(making, spool) != {}


def test_it_is_not_where_another_folder_has_taken_the_place_of_its_spool(
    making: Making, spool: Path
) -> None:
    """Its container would write to the one that was moved aside, and nothing of it would be found."""
    before = label(making, spool)
    spool.rename(spool.with_name("aside"))
    spool.mkdir()
    assert label(making, spool) != before
