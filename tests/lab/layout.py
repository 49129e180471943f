"""Where the lab keeps its things: what lasts in `.lab/`, what runs in a short folder under `/run`."""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from .kinds import DEFAULT_ENGINE, Kind, find_kind

__all__ = ["LAB_DIR_VARIABLE", "LAB_ENGINE_VARIABLE", "Layout", "current_layout"]

LAB_DIR_VARIABLE = "DOCKWARDEN_LAB_DIR"
LAB_ENGINE_VARIABLE = "DOCKWARDEN_LAB_ENGINE"

_REPOSITORY = Path(__file__).resolve().parents[2]
_RUN_ROOT = Path("/run")


@dataclass(frozen=True)
class Layout:
    """Every path the lab uses, derived from the one folder and the engine it was given.

    Sockets, pid records and mounts live apart under `/run`, for two reasons: a Unix socket's path
    may be at most 107 bytes long, which a checkout deep in a home folder soon exceeds, and what
    describes running processes should not outlive a reboot.

    Attributes:
        base_dir: The folder that lasts, and that the lab's engines share.
        engine: Which of them this is, by name.
    """

    base_dir: Path
    engine: str = DEFAULT_ENGINE

    @property
    def kind(self) -> Kind:
        """What kind of engine it is.

        Raises:
            LabFailed: The lab knows no engine of that name.
        """
        return find_kind(self.engine)

    @property
    def lab_dir(self) -> Path:
        """What lasts of one engine: images, logs, the hook and the Compose plugin.

        The engine that is installed on this machine has the lab's own folder.
        """
        return self.base_dir if self.kind.suite is None else self.base_dir / self.engine

    @property
    def cache_dir(self) -> Path:
        """What is made once and serves every engine: root file systems."""
        return self.base_dir / "cache"

    @property
    def system(self) -> Path | None:
        """The root file system that the engine's programs are from; None for that of the machine."""
        suite = self.kind.suite
        return None if suite is None else self.cache_dir / "roots" / suite

    @property
    def remembered_engine(self) -> Path:
        """Holds the name of the engine that was last asked for."""
        return self.base_dir / "engine"

    @property
    def name(self) -> str:
        """A short name for this lab, unique to its folder; also its parent cgroup's name."""
        digest = hashlib.sha256(os.fsencode(self.lab_dir)).hexdigest()
        return f"dockwarden-lab-{digest[:8]}"

    @property
    def run_dir(self) -> Path:
        """The folder of everything that exists only while the lab is up."""
        return _RUN_ROOT / self.name

    @property
    def socket(self) -> Path:
        """The engine's API socket."""
        return self.run_dir / "docker.sock"

    @property
    def docker_host(self) -> str:
        """The value of `DOCKER_HOST` that leads to this engine."""
        return f"unix://{self.socket}"

    @property
    def exec_root(self) -> Path:
        """What dockerd and containerd keep while they run."""
        return self.run_dir / "exec"

    @property
    def pidfile(self) -> Path:
        """The pid file that dockerd itself writes."""
        return self.run_dir / "docker.pid"

    @property
    def room_record(self) -> Path:
        """Our record of the process that holds the lab's namespaces open."""
        return self.run_dir / "room.json"

    @property
    def daemon_record(self) -> Path:
        """Our record of the dockerd process."""
        return self.run_dir / "dockerd.json"

    @property
    def root(self) -> Path:
        """Where the root file system is put together that the engine runs in."""
        return self.run_dir / "root"

    @property
    def data_root(self) -> Path:
        """Images, containers and volumes of this engine."""
        return self.lab_dir / "data"

    @property
    def log(self) -> Path:
        """What dockerd and containerd print."""
        return self.lab_dir / "dockerd.log"

    @property
    def daemon_config(self) -> Path:
        """The engine's own daemon.json, read in place of `/etc/docker/daemon.json`."""
        return self.lab_dir / "daemon.json"

    @property
    def daemon_options(self) -> Path:
        """What this lab's daemon.json has besides; nothing where there is no such file."""
        return self.lab_dir / "daemon-options.json"

    @property
    def turns_lock(self) -> Path:
        """Held by tests that use the engine: shared, or by one alone."""
        return self.lab_dir / "turns.lock"

    @property
    def turnstile_lock(self) -> Path:
        """Passed before the lock of the turns, so that no process waits for ever."""
        return self.lab_dir / "turnstile.lock"

    @property
    def bin_dir(self) -> Path:
        """The folder that comes first on dockerd's PATH."""
        return self.lab_dir / "bin"

    @property
    def gpu_hook_log(self) -> Path:
        """One JSON line per call of the test GPU hook."""
        return self.lab_dir / "gpu-hook.log"

    @property
    def gpu_parts(self) -> Path:
        """What the hook puts into containers."""
        return self.lab_dir / "gpu"

    @property
    def gpu_benches(self) -> Path:
        """What GPUs containers see: a folder each, which tests write to while they run."""
        return self.lab_dir / "gpus"

    @property
    def base_tar(self) -> Path:
        """The cached root file system of the base image."""
        return self.cache_dir / "base.tar"

    @property
    def compose_dir(self) -> Path:
        """Where pip puts the Compose binary when the environment has none."""
        return self.lab_dir / "compose"

    @property
    def docker_config(self) -> Path:
        """The value of `DOCKER_CONFIG` under which the CLI finds the Compose plugin."""
        return self.lab_dir / "docker-config"

    @property
    def compose_plugin(self) -> Path:
        """The Compose plugin, at the place where the Docker CLI looks for it."""
        return self.docker_config / "cli-plugins" / "docker-compose"


def current_layout() -> Layout:
    """The layout that the environment asks for.

    `DOCKWARDEN_LAB_DIR` names the folder, else it is `.lab/` in the repository. `DOCKWARDEN_LAB_ENGINE` names
    the engine, else it is the one that was last brought up by name there.
    """
    asked = os.environ.get(LAB_DIR_VARIABLE)
    base = Layout(Path(asked).resolve() if asked else _REPOSITORY / ".lab")
    engine = os.environ.get(LAB_ENGINE_VARIABLE)
    if not engine and base.remembered_engine.exists():
        engine = base.remembered_engine.read_text().strip()
    return Layout(base.base_dir, engine or DEFAULT_ENGINE)
