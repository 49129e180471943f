"""What a program that does not close its manager leaves behind when its interpreter ends."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

PROGRAM = """
import sys
from engine import ContainerManager
manager = ContainerManager(sys.argv[1], runtime="process")
manager.start_services(["alpha"])
print(manager.execute("alpha", ["true"]).stdout, flush=True)
"""


def test_a_temporary_output_folder_goes_at_exit(tmp_path: Path) -> None:
    file = tmp_path / "docker-compose.yml"
    service = {"image": "none", "command": ["sleep", "infinity"], "stop_grace_period": "0s"}
    file.write_text(json.dumps({"name": f"exit-{os.getpid()}", "services": {"alpha": service}}))
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(file)],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "TMPDIR": str(temporary)},
    )
    assert Path(ended.stdout.strip()).is_relative_to(temporary)
    assert list(temporary.iterdir()) == []
