"""Files in the shapes of real ones start, serve one request, and end with nothing left; so do inputs of users."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from docker.api import APIClient

from tests.lab import BASE_IMAGE
from tests.lab.gpu import Gpus, bench
from tests.lab.gpu.bench import BENCH_VARIABLE
from tests.servers.conftest import Build
from tests.servers.shapes import SHAPES, Image, Shape

pytestmark = [pytest.mark.docker, pytest.mark.usefixtures("engine")]

PROJECT = f"dockwarden-servers-{os.getpid()}"
ASK = "import sys, urllib.request as u; print(u.urlopen(sys.argv[1], timeout=20).read().decode())"


class Folder:
    """A compose file and a campaign on it."""

    def __init__(self, path: Path, runtime: str) -> None:
        self.path, self.runtime = path, runtime

    def write(self, compose: str, backend: str, url: str, **campaign: Any) -> None:
        (self.path / "docker-compose.yml").write_text(f"name: {PROJECT}\n{compose}")
        experiment = {"name": "ask", "backend": backend, "command": ["python3", "-c", ASK, url]}
        whole = {"name": "shape", "experiments": [experiment], "compose_file": "docker-compose.yml"}
        (self.path / "campaign.yml").write_text(json.dumps({**whole, **campaign}))

    def run(self, **environment: str) -> dict[str, Any]:
        """Run the campaign, and return the one record."""
        done = subprocess.run(
            [sys.executable, "-m", "dockwarden", "run", "campaign.yml", "--runtime", self.runtime],
            cwd=self.path,
            env={**os.environ, "HOME": str(self.path), **environment},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        latest = self.path / "results" / "shape" / "latest"
        (line,) = (latest / "results.jsonl").read_text().splitlines()
        record: dict[str, Any] = json.loads(line)
        record["answer"] = json.loads((latest / record["stdout"]).read_text())
        return record


@pytest.fixture(params=["docker", "compose"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Folder:
    return Folder(tmp_path, request.param)


@pytest.fixture(autouse=True)
def nothing_is_left(client: APIClient) -> Any:
    yield
    label = {"label": f"com.docker.compose.project={PROJECT}"}
    assert client.containers(all=True, filters=label) == []
    assert client.networks(filters=label) == []
    for volume in client.volumes(filters=label)["Volumes"] or ():
        client.remove_volume(volume["Name"])  # which dockwarden keeps, as Compose does


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.name)
def test_it_starts_serves_and_ends(folder: Folder, build: Build, shape: Shape) -> None:
    gpus = bench()
    gpus.show(Gpus())
    compose = shape.compose
    for name, image in shape.images.items():
        seen = f"ENV {BENCH_VARIABLE}={gpus.environment[BENCH_VARIABLE]}"
        made = build(name, Image(image.port, (*image.changes, seen)))
        compose = compose.replace(f"image: {name}\n", f"image: {made}\n")
    folder.write(compose, shape.asks, shape.url, **shape.campaign)
    record = folder.run(COMPOSE_PROFILES=",".join(shape.profiles))
    assert record["ending"] == "exited"
    assert record["answer"]["path"] == shape.url[shape.url.index("/", 8) :]
    assert (record["main"] or {}).get("keep_alive") is None or shape.asks == "client"
    assert record["started_in_s"] < 30, "no interval of a health check is waited for"


def test_a_server_image_without_a_command_is_run_as_its_image_says(
    folder: Folder, client: APIClient
) -> None:
    (folder.path / "Dockerfile").write_text(
        f'FROM {BASE_IMAGE}\nWORKDIR /srv\nRUN echo 1 >health\nCMD ["python3", "-m", "http.server", "8000"]\n'
    )
    built = "services:\n  server:\n    build: .\n    ports: ['127.0.0.1::8000']\n    stop_grace_period: 0s\n"
    folder.write(built, "server", "http://127.0.0.1:8000/health")
    assert folder.run()["answer"] == 1
    client.remove_image(f"{PROJECT}-server")


def test_the_health_check_of_such_an_image_passes(folder: Folder, client: APIClient) -> None:
    (folder.path / "Dockerfile").write_text(
        f"FROM {BASE_IMAGE}\nWORKDIR /srv\nRUN echo 1 >health\n"
        "HEALTHCHECK --interval=1s --retries=3 --timeout=2s CMD python3 -c"
        " \"import urllib.request as u; u.urlopen('http://127.0.0.1:8000/health')\"\n"
        'CMD ["python3", "-m", "http.server", "8000"]\n'
    )
    built = "services:\n  server:\n    build: .\n    stop_grace_period: 0s\n"
    backends = {"server": {"ready_within": "60s", "max_restarts": 0}}
    folder.write(built, "server", "http://127.0.0.1:8000/health", backends=backends)
    record = folder.run()
    assert (record["answer"], record["health_checks"]) == (1, 0)
    client.remove_image(f"{PROJECT}-server")
