"""The pictures of the report and of the live view, from a real campaign with faults on the lab.

``python -m tests.report.pictures`` makes them: a container is killed under its experiment, an experiment
leaves GPU memory behind, one fails, one runs into its time limit.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from typing import Any, Final

from rich.console import Console

from engine.campaign.snapshot import of_journal
from engine.cli.output.dashboard import Picture
from engine.journal import FILE_NAME, JournalReader
from engine.report import gather, to_html
from engine.runtimes.docker.daemon.client import connect
from engine.util.redaction import Secrets
from tests.browser import start
from tests.lab import BASE_IMAGE, ensure_up
from tests.lab.gpu import HOLD, Gpu, Gpus, bench

__all__ = ["FOLDER", "make"]

FOLDER: Final = Path(__file__).parents[2] / "docs" / "screenshots"

_PATIENCE_S: Final = 120.0
_HEIGHT: Final = 1500
_KILLED: Final = "vllm-attention"
_GPUS: Final = {"pytorch": Gpu("GPU-aaaaaaaa"), "vllm": Gpu("GPU-bbbbbbbb")}
_LEAK: Final = 'setsid python3 -c "$1" GPU-aaaaaaaa 6000 >/dev/null 2>&1 & sleep 1; echo done'


def _work(seconds: float, steps: int = 4) -> list[str]:
    pause = seconds / steps
    lines = [f"echo 'step {n}: loss {1 / n:.3f}'; sleep {pause}" for n in range(1, steps + 1)]
    return ["sh", "-c", "; ".join(lines)]


def _campaign() -> dict[str, Any]:
    both = ["pytorch", "vllm"]
    return {
        "name": "kernels",
        "runtime": "docker",
        "backends": {name: {"backoff": "500ms", "gpu_residual_mib": 1024} for name in both},
        "experiments": [
            {"name": "matmul", "backend": both, "command": _work(2), "repeat": 2},
            {"name": "attention", "backend": both, "command": _work(4)},
            {"name": "leaky", "backend": "pytorch", "command": ["sh", "-c", _LEAK, "leak", HOLD]},
            {
                "name": "broken",
                "backend": "vllm",
                "command": ["sh", "-c", "echo 'CUDA error: an illegal memory access' >&2; exit 3"],
            },
            {"name": "hangs", "backend": "pytorch", "timeout": "2s", "command": ["sleep", "60"]},
            {"name": "fft", "backend": both, "command": _work(2)},
        ],
    }


@contextmanager
def _running(folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The campaign, run by the command as users do."""
    benches = {name: bench() for name in _GPUS}
    for name, gpu in _GPUS.items():
        benches[name].show(Gpus((gpu,)))
    devices = {"driver": "nvidia", "count": 1, "capabilities": ["gpu"]}
    services = {
        name: {
            "image": BASE_IMAGE,
            "stop_grace_period": "0s",
            "environment": {**seen.environment},
            "deploy": {"resources": {"reservations": {"devices": [devices]}}},
        }
        for name, seen in benches.items()
    }
    project = {"name": "dockwarden-pictures", "services": services}
    (folder / "docker-compose.yml").write_text(json.dumps(project))
    (folder / "campaign.yml").write_text(json.dumps(_campaign()))
    command = [sys.executable, "-c", "from engine.cli import main; main()", "run", "-q"]
    process = subprocess.Popen([*command, str(folder / "campaign.yml")])
    try:
        yield process
    finally:
        process.terminate()
        process.wait()


def _until_busy(folder: Path, request: str) -> tuple[Path, str]:
    """Wait until an attempt runs; the journal, and the container it runs in."""
    until_s = time.monotonic() + _PATIENCE_S
    while time.monotonic() < until_s:
        journal = folder / "results" / "kernels" / "latest" / FILE_NAME
        if journal.exists():
            with JournalReader.read(journal) as reader:
                for row in reader.transitions():
                    if row.transition.reason == request and row.transition.container_id:
                        return journal, row.transition.container_id
        time.sleep(0.2)
    raise TimeoutError(f"{request} was never dispatched")


def _terminal(journal: Path, name: str, width: int) -> None:
    console = Console(record=True, file=StringIO(), width=width, force_terminal=True)
    with JournalReader.read(journal) as reader:
        console.print(Picture(of_journal(reader, datetime.now(UTC), Secrets())))
    drawn = console.export_svg(title="dockwarden run campaign.yml")
    # Fonts are the reader's own: a picture fetches nothing.
    (FOLDER / name).write_text(re.sub(r"@font-face\s*{[^}]*}\s*", "", drawn))


def make() -> None:
    """Run the campaign, and make all pictures of it."""
    os.environ.update(ensure_up().environment)
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        with _running(folder) as process:
            journal, container = _until_busy(folder, f"{_KILLED}.1")
            time.sleep(1.5)  # for its first lines
            _terminal(journal, "live.svg", 100)
            client = connect()
            client.kill(container)
            client.close()
            process.wait(_PATIENCE_S)
        with JournalReader.read(journal) as reader:
            text = to_html(gather(reader))
        page = folder / "report.html"
        page.write_text(text)
        with start(folder / "profile") as browser:
            for name, width, scheme in (
                ("wide", 1280, "light"),
                ("dark", 1280, "dark"),
                ("narrow", 400, "light"),
            ):
                browser.size(width, _HEIGHT)
                browser.scheme(scheme)
                browser.open(page)
                browser.driver.get_screenshot_as_file(str(FOLDER / f"report-{name}.png"))


if __name__ == "__main__":
    make()
