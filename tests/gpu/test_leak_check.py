"""What ``make gpu-check`` does with a real GPU, done with a stand-in: a backend leaks and is restarted."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.gpu_leak import LEAK_MIB
from tests.lab import Engine
from tests.lab.gpu.bench import HOLD, Gpu, Gpus
from tests.lab.layout import current_layout

ROOM = """
mount -t tmpfs none /run && mkdir /run/dockwarden-lab-gpu
mount --bind "$1" /run/dockwarden-lab-gpu
shift
exec "$@"
"""
"""A mount namespace in which this machine has the stand-in GPUs that containers of the lab have."""

CHECK = """
import sys
from tests.gpu_leak import check_leak
wrong = check_leak(sys.argv[1:], print)
print(*wrong, sep="\\n", file=sys.stderr)
sys.exit(bool(wrong))
"""


@pytest.mark.docker
def test_a_leaking_backend_is_found_restarted_and_ready_again(tmp_path: Path, lab: Engine) -> None:
    gpu = Gpu("GPU-leak")
    (tmp_path / "visible").write_text(f"{gpu.uuid}\n")
    (tmp_path / "bench" / "held").mkdir(parents=True)
    (tmp_path / "bench" / "state").write_text(Gpus((gpu,)).text())
    done = subprocess.run(
        [
            *("unshare", "-m", "sh", "-ec", ROOM, "room", str(tmp_path)),
            *(sys.executable, "-c", CHECK, HOLD, gpu.uuid, str(LEAK_MIB)),
        ],
        env={"PATH": "/usr/bin:/bin:/usr/sbin", "LD_LIBRARY_PATH": str(current_layout().gpu_parts)},
        cwd=Path(__file__).parent.parent.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "ready -> unhealthy" in done.stdout
