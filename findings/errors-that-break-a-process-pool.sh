#!/usr/bin/env bash
# docker 7.2.0, podman 5.8.0, python-on-whales 0.81.0 (downloads 4 MB)
#
# Expected: a job in concurrent.futures.ProcessPoolExecutor that raises fails its own future with that
#   error. The other futures are not affected.
# Seen: the error of a container or command that exits non-zero (`ContainerError` of docker and podman,
#   `DockerException` of python-on-whales) takes several arguments, but hands its base class a single
#   text. Such an error can be pickled and cannot be unpickled: the parent process gets a TypeError
#   while it reads the result, and the pool is declared broken.
# Consequence: one experiment that exits 1 fails all that still wait, as BrokenProcessPool: "a process
#   was terminated abruptly". That reads like a killed worker, and the real message is lost.
#   `docker.errors.APIError` survives, so the trouble starts only with the first failing container.
# Workaround: inside the job, catch these errors and raise or return something plain
#   (`raise RuntimeError(str(error)) from None`), or use threads: the work is done by the engine anyway.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check \
    docker==7.2.0 podman==5.8.0 python-on-whales==0.81.0

cat > jobs.py <<'PY'
from docker.errors import ContainerError
from podman.errors import ContainerError as PodmanContainerError
from python_on_whales import DockerClient


def with_docker():
    raise ContainerError("c0ffee", 1, ["python", "run.py"], "pytorch", b"out of memory")


def with_podman():
    raise PodmanContainerError("c0ffee", 1, ["python", "run.py"], "pytorch", [b"out of memory"])


def with_whales():
    DockerClient(client_call=["false"]).image.list()  # a client that exits 1, as docker does


def with_plain_error():
    try:
        with_docker()
    except ContainerError as error:
        raise RuntimeError(str(error)) from None


def fine():
    return "fine"
PY
cat > main.py <<'PY'
import sys
from concurrent.futures import ProcessPoolExecutor

import jobs


def outcomes(failing):
    with ProcessPoolExecutor(1) as pool:
        futures = [pool.submit(failing), pool.submit(jobs.fine)]
        return [type(f.exception()).__name__ if f.exception() else f.result() for f in futures]


if __name__ == "__main__":
    seen = {}
    for job in (jobs.with_docker, jobs.with_podman, jobs.with_whales, jobs.with_plain_error):
        seen[job.__name__] = outcomes(job)
        print(job.__name__, "and the job behind it:", seen[job.__name__])
    broken = ["BrokenProcessPool", "BrokenProcessPool"]
    described = dict.fromkeys(("with_docker", "with_podman", "with_whales"), broken)
    if seen != described | {"with_plain_error": ["RuntimeError", "fine"]}:
        sys.exit("CHANGED: one of these errors now crosses a process pool, or breaks it differently")
PY
venv/bin/python main.py
echo "as described"
