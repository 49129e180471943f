"""Our reader against the real one: the same project from every file of the corpus.

``docker compose config`` prints the model that Compose made of a file, with everything in its long form.
Reading that back must give what reading the file itself gives, field by field.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import attrs
import pytest

from engine.compose import load_project
from engine.spec import Project, ServiceSpec
from tests.compose.cases import CASES, ENVIRON

Both = tuple[Project, Project]

# Only the file itself can tell these.
NOT_IN_THE_MODEL = {"warnings", "refusals"}


@pytest.fixture(scope="module", params=list(CASES))
def both(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, compose_binary: Path
) -> Both:
    """The project of a case as we read it, and as Compose does."""
    case = CASES[request.param]
    printed = subprocess.run(
        [str(compose_binary), *case.words(), "--profile", "*", "config", "--format", "json"],
        cwd=case.folder(),
        env=ENVIRON,
        capture_output=True,
        text=True,
        check=False,
    )
    assert printed.returncode == 0, printed.stderr
    printed_model = mended(json.loads(printed.stdout))
    model = tmp_path_factory.mktemp("model") / "compose.json"
    model.write_text(json.dumps(printed_model))
    theirs = load_project(model, case.folder(), environ=ENVIRON, project_name=printed_model["name"])
    return case.project(), theirs


def mended(model: dict[str, Any]) -> dict[str, Any]:
    """What Compose prints, without two quirks of its printing.

    A limit of 0 is an empty mapping there, and dollar signs are doubled in keys as well, which are not
    interpolated when read.
    """
    for service in model["services"].values():
        for name, limit in service.get("ulimits", {}).items():
            service["ulimits"][name] = limit or 0
        for key in list(service.get("environment", {})):
            service["environment"][key.replace("$$", "$")] = service["environment"].pop(key)
    return model


def shape(value: ServiceSpec) -> dict[str, Any]:
    found = attrs.asdict(value, recurse=False)
    found["memory_swappiness"] = found["memory_swappiness"] or None  # Compose drops a 0; see docs
    return {key: inner for key, inner in found.items() if key not in NOT_IN_THE_MODEL}


def test_the_project_has_the_same_name_and_services(both: Both) -> None:
    ours, theirs = both

    assert ours.name == theirs.name
    assert sorted(ours.services) == sorted(theirs.services)


def test_every_service_is_the_same(both: Both) -> None:
    ours, theirs = both

    for name, service in ours.services.items():
        assert shape(service) == shape(theirs.services[name]), name


def test_every_network_and_volume_in_use_is_the_same(both: Both) -> None:
    ours, theirs = both
    services = ours.services.values()
    networks = {joined.network for service in services for joined in service.networks}
    sources = {mount.source for service in services for mount in service.mounts}
    volumes = {key: volume for key, volume in ours.volumes.items() if key in sources}

    assert {key: ours.networks[key] for key in networks} == {
        key: theirs.networks[key] for key in networks
    }
    assert volumes == {key: theirs.volumes[key] for key in volumes}
