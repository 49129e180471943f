"""The room the engine lives in: a private network and mount namespace, held open by a keeper.

The network namespace, because two dockerd in one fight over `docker0` and each other's firewall
rules. The mount namespace, so that everything the engine mounts is gone with it, and so that it does
not see the system's `/run/containerd`: a dockerd that finds a containerd there joins it instead of
starting its own. An engine of another Debian release has a separate root file system there, too. The keeper, so that a test may kill dockerd and start another in the same place,
which is what a restarted engine looks like.
"""

import signal
import subprocess
import tempfile
import time
import uuid
from pathlib import Path

from .errors import LabFailed, LabUnavailable
from .layout import Layout
from .packages import SYSTEM_PATH, find_program
from .processes import TOKEN_VARIABLE, Process, descendants, marked, sharing_mounts, spawn_detached

__all__ = ["close_room", "inside", "open_room", "room_is_open", "token"]

# The keeper says that the room is furnished by creating the file it is given.
_FURNISH = Path(__file__).with_name("furnish.sh").read_text()
# Of the top-level folders, these are the operating system's own; a room with another system has others.
_OF_THE_SYSTEM = {
    "bin",
    "boot",
    "etc",
    "lib",
    "lib32",
    "lib64",
    "libx32",
    "run",
    "sbin",
    "usr",
    "var",
}
_UNSHARE = ("--net", "--mount", "--propagation", "slave")
_DEADLINE_S = 10.0
_REPOSITORY = Path(__file__).resolve().parents[2]


def open_room(layout: Layout) -> Process:
    """Open the room, or find it open.

    Returns:
        The keeper.

    Raises:
        LabUnavailable: This machine does not let root make namespaces.
        LabFailed: The keeper ended before the room was furnished.
    """
    keeper = _keeper_of_open_room(layout)
    if keeper is not None:
        return keeper
    furnished = _furnished_file(layout)
    _require_namespaces()
    # A keeper that was killed leaves a room that no process can enter any more.
    close_room(layout)
    furnished.unlink(missing_ok=True)
    _token_file(layout).write_text(uuid.uuid4().hex)
    system = [str(layout.system or ""), str(layout.root), *map(str, _shared(layout))]
    shell = ["/bin/sh", "-c", _FURNISH, "dockwarden-lab", str(furnished), *system]
    keeper = spawn_detached(
        [find_program("unshare"), *_UNSHARE, *shell],
        {
            "PATH": SYSTEM_PATH,
            "PODMAN": "yes" if layout.kind.podman else "",
            TOKEN_VARIABLE: token(layout),
        },
        layout.log,
    )
    keeper.write(layout.room_record)
    deadline = time.monotonic() + _DEADLINE_S
    while not furnished.exists():
        if not keeper.alive() or time.monotonic() > deadline:
            raise LabFailed(
                f"The lab's namespaces could not be set up; see the end of {layout.log}."
            )
        time.sleep(0.02)
    return keeper


def room_is_open(layout: Layout) -> bool:
    """Whether an engine lived here before, and another would find what it left."""
    return _keeper_of_open_room(layout) is not None


def inside(keeper: Process, command: list[str]) -> list[str]:
    """The command line that runs a command inside the room."""
    return [find_program("nsenter"), f"--target={keeper.pid}", "--net", "--mount", *command]


def token(layout: Layout) -> str:
    """What every process of the open room carries in its environment; empty when none is open."""
    try:
        return _token_file(layout).read_text()
    except FileNotFoundError:
        return ""


def close_room(layout: Layout) -> list[Process]:
    """End everything that still runs in the room, the keeper last.

    Returns:
        What would not end, even when killed: it hangs in the kernel.
    """
    keeper = Process.read(layout.room_record)
    mark = token(layout)
    leftovers = marked(mark) if mark else []
    if keeper is not None and keeper.alive():
        # Podman's monitors outlive it, with neither its environment nor a parent.
        leftovers += [one for one in sharing_mounts(keeper) if one not in leftovers]
    # Shims before their containers, or they would try to report the end to a missing daemon for a while.
    doomed = [process for process in leftovers if process != keeper]
    doomed += [process for process in descendants(leftovers) if process not in leftovers]
    if keeper is not None:
        doomed.append(keeper)
    for process in doomed:
        process.signal(signal.SIGKILL)
    return [process for process in doomed if not process.wait_gone(timeout_s=5.0)]


def _keeper_of_open_room(layout: Layout) -> Process | None:
    keeper = Process.read(layout.room_record)
    if keeper is None or not keeper.alive() or not _furnished_file(layout).exists():
        return None
    return keeper


def _shared(layout: Layout) -> list[Path]:
    """Folders that a room with a separate system shares with the machine: all that are not a system's."""
    top = [one for one in Path("/").iterdir() if one.is_dir() and not one.is_symlink()]
    shared = [one for one in top if one.name not in _OF_THE_SYSTEM]
    # Wherever these are: the lab itself, the repository, and what tests make.
    places = [layout.base_dir, layout.run_dir, _REPOSITORY, Path(tempfile.gettempdir())]
    return shared + [one for one in places if not any(one.is_relative_to(top) for top in shared)]


def _furnished_file(layout: Layout) -> Path:
    return layout.run_dir / "furnished"


def _token_file(layout: Layout) -> Path:
    return layout.run_dir / "token"


def _require_namespaces() -> None:
    command = [find_program("unshare"), *_UNSHARE, "true"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise LabUnavailable(
            f"Root may not make namespaces on this machine (`{' '.join(command)}` says: "
            f"{done.stderr.strip()}), as in a container without privileges. Run the tests on the "
            "host or in a privileged container, or without the lab: those marked `docker` are "
            "then skipped."
        )
