"""Starting, finding and ending the lab's private dockerd."""

import contextlib
import json
import shutil
import signal
import time
from dataclasses import dataclass
from pathlib import Path

from .api import EngineApi
from .errors import LabFailed
from .kinds import Kind
from .layout import Layout
from .packages import SYSTEM_PATH, find_program
from .podman import configure_podman, podman_command, podman_environment
from .processes import TOKEN_VARIABLE, Process, spawn_detached
from .room import close_room, inside, open_room, room_is_open, token

__all__ = ["Engine", "configure", "find_engine", "start_engine", "stop_daemon", "stop_engine"]

_START_DEADLINE_S = 60.0
_STOP_DEADLINE_S = 30.0
_CGROUPS = Path("/sys/fs/cgroup")
_DOCKERD = "/usr/sbin/dockerd"


@dataclass(frozen=True)
class Engine:
    """A private engine that answered when this was made.

    Attributes:
        socket: Where it listens.
        version: What it says it is, such as `20.10.24`.
        docker_config: The `DOCKER_CONFIG` under which the Docker CLI has its Compose plugin.
        compose: The Compose plugin, or None when it could not be had.
        kind: Which of the lab's engines it is.
    """

    socket: Path
    version: str
    docker_config: Path
    compose: Path | None
    kind: Kind

    @property
    def docker_host(self) -> str:
        """The value of `DOCKER_HOST` that leads here."""
        return f"unix://{self.socket}"

    @property
    def environment(self) -> dict[str, str]:
        """The variables that point the Docker CLI, Compose and the SDK at this engine."""
        return {"DOCKER_HOST": self.docker_host, "DOCKER_CONFIG": str(self.docker_config)}


def find_engine(layout: Layout) -> Engine | None:
    """The engine, when it is up and answers."""
    api = EngineApi(layout.socket)
    if not api.ping():
        return None
    compose = layout.compose_plugin if layout.compose_plugin.exists() else None
    return Engine(layout.socket, api.version(), layout.docker_config, compose, layout.kind)


def configure(layout: Layout) -> None:
    """Write the engine's configuration; an engine that runs with another one reads it again."""
    wanted = json.dumps(_daemon_config(layout), indent=2) + "\n"
    if layout.daemon_config.exists() and layout.daemon_config.read_text() == wanted:
        return
    layout.daemon_config.write_text(wanted)
    daemon = Process.read(layout.daemon_record)
    if daemon is not None and daemon.alive():
        daemon.signal(signal.SIGHUP)


def start_engine(layout: Layout) -> None:
    """Start a dockerd in the lab's room and wait until it answers.

    In a room that was open it finds the containers that its predecessor had; in a new one, none.

    Raises:
        LabUnavailable: This machine does not let root make namespaces.
        LabFailed: It ended, or did not answer in time; with the last lines of its log.
    """
    layout.run_dir.mkdir(mode=0o755, parents=True, exist_ok=True)
    configure(layout)
    restarted = room_is_open(layout)
    keeper = open_room(layout)
    daemon = Process.read(layout.daemon_record)
    if daemon is None or not daemon.alive():
        # A dockerd that was killed leaves its pid file, and refuses to start when a stranger
        # has that pid by now; ours is known to be gone.
        layout.pidfile.unlink(missing_ok=True)
        _forget_dead_containerd(layout)
        if layout.kind.podman:
            configure_podman(layout)
            command, more = podman_command(layout), podman_environment(layout)
        else:
            program = find_program("dockerd") if layout.system is None else _DOCKERD
            command, more = [program, f"--config-file={layout.daemon_config}"], {}
        environment = {
            "PATH": f"{layout.bin_dir}:{SYSTEM_PATH}",
            "HOME": "/root",
            **layout.kind.environment,
            **more,
            TOKEN_VARIABLE: token(layout),
        }
        daemon = spawn_detached(inside(keeper, command), environment, layout.log)
        daemon.write(layout.daemon_record)
    _wait_until_it_answers(layout, daemon)
    if not restarted:
        # What an engine that came to a bad end could not remove any more.
        EngineApi(layout.socket).remove_everything()


def stop_daemon(layout: Layout, *, kill: bool = False) -> None:
    """End dockerd alone; its room stays open for the next one.

    Args:
        layout: Which lab.
        kill: Give it no chance to end its containers, as a crash would.

    Raises:
        LabFailed: It is still there after half a minute.
    """
    daemon = Process.read(layout.daemon_record)
    if daemon is None:
        return
    daemon.signal(signal.SIGKILL if kill else signal.SIGTERM)
    if not daemon.wait_gone(_STOP_DEADLINE_S):
        raise LabFailed(
            f"dockerd (pid {daemon.pid}) is still there {_STOP_DEADLINE_S:.0f} s after it was "
            f"ordered to end; see the end of {layout.log}, then try `python3 -m tests.lab down` again."
        )
    layout.daemon_record.unlink(missing_ok=True)


def stop_engine(layout: Layout) -> list[str]:
    """End dockerd and everything that it started, and remove what it kept while it ran.

    Returns:
        One line for each thing that could not be removed.
    """
    remains: list[str] = []
    api = EngineApi(layout.socket)
    try:
        if api.ping():
            remains += api.remove_everything()
        stop_daemon(layout)
    except (LabFailed, OSError) as error:
        remains.append(str(error))
    immortal = close_room(layout)
    remains += [f"process {process.pid} does not end, even when killed" for process in immortal]
    if not immortal:  # else the records are needed, to try again
        shutil.rmtree(layout.run_dir)
        _remove_cgroups(layout.name)
    return remains


def _forget_dead_containerd(layout: Layout) -> None:
    """Remove the pid file of a containerd that has ended.

    A killed dockerd takes its containerd along. Until that one's new parent has waited for it, the
    next dockerd takes its pid for a living containerd and waits for that to answer.
    """
    pidfile = layout.exec_root / "containerd" / "containerd.pid"
    try:
        containerd = Process.of(int(pidfile.read_text()))
    except (FileNotFoundError, ValueError):
        return
    if containerd is None or containerd.wait_gone(timeout_s=2.0):
        pidfile.unlink(missing_ok=True)


def _daemon_config(layout: Layout) -> dict[str, object]:
    """The engine's daemon.json: everything that it would otherwise share with the system's."""
    options = layout.daemon_options
    return {
        **layout.kind.options,
        **(json.loads(options.read_text()) if options.exists() else {}),
        "hosts": [layout.docker_host],
        "data-root": str(layout.data_root),
        "exec-root": str(layout.exec_root),
        "pidfile": str(layout.pidfile),
        # Not systemd's: the lab also runs where there is no systemd.
        "exec-opts": ["native.cgroupdriver=cgroupfs"],
        "cgroup-parent": f"/{layout.name}",
        # As the NVIDIA toolkit registers it; the GPUs come from our hook, with any runtime.
        "runtimes": {"nvidia": {"path": "runc"}},
        "shutdown-timeout": 5,
    }


def _wait_until_it_answers(layout: Layout, daemon: Process) -> None:
    api = EngineApi(layout.socket)
    deadline = time.monotonic() + _START_DEADLINE_S
    while not api.ping():
        if not daemon.alive():
            raise LabFailed(f"dockerd ended while it started. {_last_lines(layout.log)}")
        if time.monotonic() > deadline:
            waited = f"{_START_DEADLINE_S:.0f} s"
            raise LabFailed(f"dockerd did not answer within {waited}. {_last_lines(layout.log)}")
        time.sleep(0.1)


def _last_lines(log: Path) -> str:
    lines = log.read_text(errors="replace").splitlines()[-20:]
    return "\n".join([f"The last lines of {log}:", *lines])


def _remove_cgroups(name: str) -> None:
    """Remove the empty cgroups that containers were put under: v2 has one tree, v1 several."""
    for top in [_CGROUPS / name, *_CGROUPS.glob(f"*/{name}")]:
        if top.is_dir():
            below = sorted(top.rglob("*/"), key=lambda path: len(path.parts), reverse=True)
            for folder in [*below, top]:
                # The kernel may still be letting go of it; an empty one that stays costs nothing.
                with contextlib.suppress(OSError):
                    folder.rmdir()
