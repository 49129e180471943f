"""The base image that tests run and build on, made from Debian's packages without any pull."""

import os
import subprocess
from collections.abc import Callable

from .api import EngineApi
from .errors import LabFailed
from .layout import Layout
from .packages import SYSTEM_PATH, find_program

__all__ = ["BASE_IMAGE", "provide_base_image"]

BASE_IMAGE = "dockwarden-lab/base:bookworm"
"""Debian 12 with Python; like many images of this field, its command ends at once."""

_SUITE = "bookworm"
_INCLUDE = "python3,ca-certificates"
_CHANGES = ['CMD ["python3","--version"]']


def provide_base_image(layout: Layout, say: Callable[[str], None]) -> None:
    """Make sure that the engine has the base image; the root file system is made only once.

    Raises:
        LabFailed: The root file system could not be made, or the engine would not import it.
    """
    api = EngineApi(layout.socket)
    if api.has_image(BASE_IMAGE):
        return
    if not layout.base_tar.exists():
        say(f"making the root file system of {BASE_IMAGE} (about half a minute)")
        _make_root_file_system(layout)
    say(f"importing {BASE_IMAGE}")
    api.import_image(layout.base_tar, BASE_IMAGE, _CHANGES)


def _make_root_file_system(layout: Layout) -> None:
    """Run mmdebstrap; under its final name the tar is always whole."""
    layout.cache_dir.mkdir(parents=True, exist_ok=True)
    unfinished = layout.base_tar.with_name("unfinished.tar")
    options = ["--variant=minbase", f"--include={_INCLUDE}"]
    command = [find_program("mmdebstrap"), *options, _SUITE, str(unfinished)]
    environment = os.environ | {"PATH": SYSTEM_PATH}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        unfinished.unlink(missing_ok=True)
        last_lines = "\n".join(done.stderr.strip().splitlines()[-15:])
        raise LabFailed(
            f"`{' '.join(command)}` failed; it needs to reach a Debian mirror:\n{last_lines}"
        )
    unfinished.replace(layout.base_tar)
