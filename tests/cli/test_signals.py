"""The command line under a parent that has changed what signals do."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_exit_codes_of_children_are_true_where_the_parent_ignores_their_ends(
    tmp_path: Path,
) -> None:
    broken = tmp_path / "dot"
    broken.write_text("#!/bin/sh\necho no such font >&2\nexit 3\n")
    broken.chmod(0o755)
    arguments = ["diagram", "backend", "--format", "png", "-o", "x.png"]
    done = subprocess.run(
        [sys.executable, "-c", f"from engine.cli import main; main({arguments})"],
        cwd=tmp_path,
        env={**os.environ, "PATH": str(tmp_path), "PYTHONPATH": str(ROOT)},
        preexec_fn=lambda: signal.signal(signal.SIGCHLD, signal.SIG_IGN),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, "no such font" in done.stderr) == (2, True), done
