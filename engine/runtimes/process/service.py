"""A service of a compose file as a local process: command, environment, folder."""

from __future__ import annotations

import os
import posixpath
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath

from attrs import field, fields, frozen

from engine.model.exec import ExecRequest
from engine.model.main_command import MainCommand
from engine.model.spec import Condition, Mount, MountKind, Project, ServiceSpec
from engine.runtimes.changes import Changes
from engine.runtimes.main_commands import GIVEN, MainCommands

__all__ = [
    "HONOURED",
    "Host",
    "base_environment",
    "ineffective",
    "is_working_folder",
    "main_command",
    "working_folder",
]

_KEEP_ALIVE = ("sleep", "infinity")
_NOTHING_TO_DO = ("true",)

_INHERITED = frozenset(
    {
        *("PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LANGUAGE", "TZ", "TMPDIR"),
        *("LD_LIBRARY_PATH", "VIRTUAL_ENV", "CONDA_PREFIX"),
    }
)
_INHERITED_PREFIXES = ("LC_", "CUDA_", "NVIDIA_", "ROCM_", "ROCR_", "HIP_")
HONOURED = frozenset(
    {
        *("name", "command", "entrypoint", "environment", "working_dir", "healthcheck", "mounts"),
        *(
            "depends_on",
            "is_switched_off",
            "profiles",
            "restart",
            "stop_grace_period_s",
            "warnings",
        ),
    }
)
"""The fields of a service that hold for local processes as well."""


@frozen
class Host:
    """This machine as the ground that a project's services run on.

    Attributes:
        main: what services run as their main process.
        owner: the variables that say whose a process is.
        claim: likewise, where it is said if another controller takes it over, and whether it was started by hand.
        changes: what of services is changed at present.
    """

    project: Project
    main: MainCommands
    owner: Mapping[str, str]
    claim: Mapping[str, str] = field(factory=dict)
    changes: Changes = field(factory=Changes)

    def service(self, name: str) -> ServiceSpec:
        return self.changes.spec(self.project, name)

    def command(self, name: str) -> tuple[str, ...]:
        """The command of the service's main process."""
        keep_alive = self.main_of(name).keep_alive
        return main_command(
            self.project, self.service(name), {} if keep_alive is None else {name: keep_alive}
        )

    def main_of(self, name: str) -> MainCommand:
        """Return the service's next main process. Images have no effect here."""
        if self.changes.gives_command(name):
            return GIVEN
        return self.main.decide(self.project.services[name], None)

    def request_command(self, name: str, request: ExecRequest) -> tuple[str, ...]:
        """The argument vector of a request, with the file's entrypoint before it where that is asked for."""
        entrypoint = self.service(name).entrypoint if request.through_entrypoint else ()
        return (*(entrypoint or ()), *request.command)

    def environment(self, name: str) -> dict[str, str]:
        """The environment of the service's processes, the marks aside."""
        ours = {**self.owner, **self.claim}
        return {**base_environment(os.environ), **self.service(name).environment, **ours}

    def folder(self, name: str, working_dir: str | None = None) -> Path:
        """The folder that the service's processes start in."""
        return working_folder(self.project, self.service(name), working_dir)

    def file(self, name: str, working_dir: str | None, path: str) -> Path:
        """Return the path of a command's file on this machine: below its bind mount's source, else as it is named."""
        if path.startswith("/"):
            return mounted(self.service(name), path) or Path(path)
        return self.folder(name, working_dir) / path

    def finds(self, name: str) -> bool:
        """Whether the executable of the service's main process is there."""
        path = self.environment(name)["PATH"]
        return locate(self.command(name)[0], path, self.folder(name)) is not None


def base_environment(caller: Mapping[str, str]) -> dict[str, str]:
    """The variables that every process inherits from the controller: few, so that runs can be repeated.

    Only what finds programs, libraries, the home folder and the GPUs, and what sets the language.
    Settings of the controller's own interpreter (``PYTHONPATH``), credentials and proxies stay out;
    a service that wants them passes them through under ``environment``, as with a container.
    """
    kept = {
        name: value
        for name, value in caller.items()
        if name in _INHERITED or name.startswith(_INHERITED_PREFIXES)
    }
    kept.setdefault("PATH", os.defpath)
    return kept


def main_command(
    project: Project, service: ServiceSpec, keep_alive: Mapping[str, tuple[str, ...]]
) -> tuple[str, ...]:
    """The command of a service's main process.

    A keep-alive declared for the service comes first: it is there for services whose own command
    does not stay. Then entrypoint and command, joined as Docker does; then the default keep-alive.
    A service that others wait for to complete, and that leaves its work to its image (one that only
    has an image built, most often), has nothing to do here, and completes.
    """
    own = (service.entrypoint or ()) + (service.command or ())
    if declared := keep_alive.get(service.name) or own:
        return declared
    awaited = any(
        other.depends_on[service.name].condition is Condition.COMPLETED
        for other in project.services.values()
        if service.name in other.depends_on
    )
    return _NOTHING_TO_DO if awaited else _KEEP_ALIVE


def locate(executable: str, path: str, directory: Path) -> str | None:
    """Find a command's executable, as ``exec`` would; None if there is none."""
    if os.sep in executable:
        return shutil.which(directory / executable)
    return shutil.which(executable, path=path)


def working_folder(project: Project, service: ServiceSpec, working_dir: str | None = None) -> Path:
    """The folder of this machine that stands for a working directory in the container.

    A path under the target of a bind mount is the same path under its source. Any other path
    exists in the image only, and the project's directory stands in for it.

    Args:
        working_dir: in the container, relative to the service's own; None for the service's own.
    """
    wanted = posixpath.normpath(posixpath.join("/", service.working_dir or "", working_dir or ""))
    return mounted(service, wanted) or project.directory


def mounted(service: ServiceSpec, path: str) -> Path | None:
    """Return the path on this machine for a path in the container; None if no folder is mounted there."""
    under = PurePosixPath(path)
    covering = [mount for mount in service.mounts if under.is_relative_to(mount.target)]
    if not covering:
        return None
    nearest = max(covering, key=lambda mount: len(PurePosixPath(mount.target).parts))
    if nearest.kind is not MountKind.BIND or nearest.source is None:
        return None
    return Path(nearest.source) / under.relative_to(nearest.target)


def is_working_folder(mount: Mount, service: ServiceSpec) -> bool:
    """Whether a mount is there for the service's working directory, which local processes have too."""
    wanted = PurePosixPath(posixpath.normpath(posixpath.join("/", service.working_dir or "")))
    return mount.kind is MountKind.BIND and wanted.is_relative_to(mount.target)


def ineffective(service: ServiceSpec) -> Iterator[str]:
    """Yield what has no effect in a service without a container, one sentence each."""
    plain = ServiceSpec(name=service.name)
    names = [
        attribute.name.removesuffix("_bytes")
        for attribute in fields(ServiceSpec)
        if attribute.name not in HONOURED
        and getattr(service, attribute.name) != getattr(plain, attribute.name)
    ]
    if names:
        yield f"{', '.join(names)}: no effect in the process runtime, which runs on the machine itself"
    if service.mounts:
        yield "volumes: only working_dir is translated through bind mounts; no path is mounted"
