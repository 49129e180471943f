"""Images of the shapes that images of servers have."""

from __future__ import annotations

import io
import os
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from docker.api import APIClient

from engine.runtimes.docker.daemon.client import connect
from tests.lab import BASE_IMAGE, Engine
from tests.servers.shapes import Image

__all__ = ["Build", "build", "client"]

STANDIN = Path(__file__).with_name("standin.py")
PROGRAMS = (
    *("usr/bin/vllm", "usr/bin/lmdeploy", "usr/bin/litellm", "usr/bin/whisper-asr"),
    *("usr/bin/tritonserver", "usr/bin/text-embeddings-router", "app/llama-server", "bin/ollama"),
    *("tgi-entrypoint.sh", "entrypoint.sh", "docker/entrypoint.sh", "usr/bin/postgres"),
)
MODULES = ("sglang/launch_server.py", "vllm/entrypoints.py")
RUNS_ITS_ARGUMENTS = '#!/bin/sh\nexec "$@"\n'
FILES = {
    "opt/nvidia/nvidia_entrypoint.sh": RUNS_ITS_ARGUMENTS,
    "usr/bin/docker-entrypoint.sh": RUNS_ITS_ARGUMENTS,
    "start.sh": "exec /entrypoint.sh\n",
    "usr/bin/curl": (
        "#!/usr/bin/env python3\nimport sys, urllib.request as u\nurl = sys.argv[-1]\n"
        "u.urlopen(url if '://' in url else f'http://{url}', timeout=5)\n"
    ),
    "usr/lib/python3/dist-packages/sglang/__init__.py": "",
    "usr/lib/python3/dist-packages/vllm/__init__.py": "",
}

Build = Callable[[str, Image], str]


@pytest.fixture(scope="session")
def client(lab: Engine) -> Iterator[APIClient]:
    client = connect(lab.environment)
    yield client
    client.close()


@pytest.fixture(scope="session")
def build(client: APIClient) -> Iterator[Build]:
    """Makes an image, and gives its name; all are removed in the end."""
    made: dict[tuple[str, Image], str] = {}
    prefix = f"dockwarden-servers-{os.getpid()}"
    container = client.create_container(BASE_IMAGE, ["true"])

    def build(name: str, image: Image) -> str:
        if (name, image) not in made:
            repository, version = f"{prefix}/{name}", str(len(made))
            changes = [f"ENV STANDIN_PORT={image.port}", 'CMD ["bash"]', *image.changes]
            client.commit(container, repository, version, changes=changes)
            made[name, image] = f"{repository}:{version}"
        return made[name, image]

    client.put_archive(container, "/", _files())
    yield build
    client.remove_container(container)
    for tag in made.values():
        client.remove_image(tag)


def _files() -> bytes:
    shebang = "#!/usr/bin/env python3\n"
    standin = STANDIN.read_text()
    modules = (f"usr/lib/python3/dist-packages/{name}" for name in MODULES)
    files = {**FILES, **dict.fromkeys((*PROGRAMS, *modules), shebang + standin)}
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w") as tar:
        for name, text in files.items():
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(text.encode()), 0o755
            tar.addfile(member, io.BytesIO(text.encode()))
    return written.getvalue()
