"""The checks of ``dockwarden doctor``: each checks one thing and gives one line."""

from __future__ import annotations

import enum
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from attrs import frozen

from engine.campaign.model import Campaign
from engine.campaign.runs.plan import everything
from engine.cli.main_commands import foreseen_mains
from engine.cli.shared_gpus import gpu_rivals
from engine.compose import needed
from engine.errors import DockwardenError, MissingExtra, RuntimeUnavailable, SetupError
from engine.model.spec import UNSET, Project
from engine.runtimes.compose.program import OLDEST, builds_with_buildkit, is_supported
from engine.runtimes.docker.diagnostics import (
    EngineReport,
    compose_version,
    examine,
    missing_images,
)
from engine.runtimes.fallback import refusal
from engine.runtimes.selection import RuntimeName

__all__ = ["Finding", "Level", "check_all"]

_GIB: Final = 2**30
_ENOUGH: Final = 10 * _GIB
_LEAST: Final = _GIB // 4


class Level(enum.Enum):
    """How bad a finding is."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@frozen
class Finding:
    """The result of one check.

    Attributes:
        fix: the suggested fix; empty where there is nothing to do.
    """

    level: Level
    subject: str
    what: str
    fix: str = ""


def check_all(campaign: Campaign | None, project: Project | None) -> Iterator[Finding]:
    """Check everything, the needs of the campaign included where there is one."""
    services: tuple[str, ...] = ()
    if campaign is not None and project is not None:
        try:
            experiments = campaign.experiments
            services = needed(
                project, {b for one in experiments for b in (*one.backends, *one.targets)}
            )
            yield Finding(Level.OK, "campaign", f"{campaign.file} starts {', '.join(services)}")
        except DockwardenError as error:
            yield Finding(Level.FAIL, "campaign", str(error))
        yield from _files(project, services)
    runtime = campaign.runtime if campaign is not None else "auto"
    report: EngineReport | None = None
    try:
        report = examine()
        yield Finding(Level.OK, "engine", f"Docker {report.version} at {report.url}")
    except (RuntimeUnavailable, MissingExtra) as error:
        yield _no_engine(error, runtime, campaign, project, services)
    yield _compose(needed_here=runtime == "compose")
    wants_gpu = project is not None and any(project.services[name].gpus for name in services)
    if report is not None:
        yield _gpus(report, wanted=wants_gpu)
    yield _nvml(wanted=wants_gpu)
    yield _disk("disk for results", campaign.results if campaign else Path.cwd())
    if report is not None:
        yield _engine_disk(report)
        if project is not None:
            yield from _builder(project, services)
            yield _images(project, services)
    if campaign is not None and project is not None:
        yield from _main_commands(campaign, project, services)
        yield from _shared_gpus(campaign, project)


def _no_engine(
    error: SetupError,
    runtime: RuntimeName,
    campaign: Campaign | None,
    project: Project | None,
    services: tuple[str, ...],
) -> Finding:
    if campaign is None or project is None:
        return Finding(Level.WARN, "engine", f"{error}. Campaigns need it, but on runtime: process")
    if runtime == "process":
        return Finding(Level.WARN, "engine", f"{error}. This campaign runs on local processes")
    reason = refusal(project, services) if runtime == "auto" else f"it says runtime: {runtime}"
    if reason:
        return Finding(Level.FAIL, "engine", f"{error}. The campaign needs it: {reason}")
    return Finding(
        Level.WARN,
        "engine",
        f"{error}. Commands of this campaign run on this machine itself, without containers",
        "set runtime: process to ask for that",
    )


def _files(project: Project, services: tuple[str, ...]) -> Iterator[Finding]:
    """Report what read the compose file, and the variables that it misses."""
    yield Finding(Level.OK, "compose file", f"read by {project.read_by}")
    of_services = (warning for name in services for warning in project.services[name].warnings)
    for warning in dict.fromkeys((*project.warnings, *of_services)):
        if warning.startswith(UNSET):
            fix = "set it in the environment or in .env, or give it a default"
            yield Finding(Level.WARN, "compose file", warning, fix)


def _compose(*, needed_here: bool) -> Finding:
    version = compose_version()
    if version is not None and not is_supported(version):
        oldest = ".".join(map(str, OLDEST))
        what = f"Docker Compose {version} is older than {oldest}"
        fix = "update it, or leave compose files to the reader of dockwarden, which reads them meanwhile"
        return Finding(Level.WARN, "compose", what, fix)
    if version is not None:
        return Finding(Level.OK, "compose", f"Docker Compose {version}")
    if needed_here:
        fix = "install the Docker CLI and its Compose plugin, or use runtime: docker"
        return Finding(Level.FAIL, "compose", "not found, and the campaign runs on it", fix)
    fix = "install the Compose plugin to look on with 'docker compose ps'; campaigns run without"
    return Finding(Level.WARN, "compose", "not found", fix)


def _gpus(report: EngineReport, *, wanted: bool) -> Finding:
    if report.gpus:
        return Finding(Level.OK, "GPUs in containers", "the engine announces them")
    if not wanted:
        return Finding(Level.OK, "GPUs in containers", "none announced, and none asked for here")
    fix = "install the NVIDIA Container Toolkit and restart the engine, unless its hook is there"
    return Finding(Level.WARN, "GPUs in containers", "the engine announces none", fix)


def _nvml(*, wanted: bool) -> Finding:
    import pynvml  # type: ignore[import-untyped]

    try:
        pynvml.nvmlInit()
        count, driver = pynvml.nvmlDeviceGetCount(), pynvml.nvmlSystemGetDriverVersion()
        pynvml.nvmlShutdown()
    except pynvml.NVMLError as error:
        if not wanted:
            return Finding(Level.OK, "NVML", f"not usable here ({error}), and no GPU is asked for")
        fix = "install the NVIDIA driver, if the engine runs on this machine"
        return Finding(Level.WARN, "NVML", f"not usable here: {error}", fix)
    version = driver.decode() if isinstance(driver, bytes) else driver
    return Finding(Level.OK, "NVML", f"{count} GPUs, driver {version}")


def _disk(subject: str, folder: Path) -> Finding:
    there = next(path for path in (folder, *folder.parents) if path.exists())
    if not os.access(there, os.W_OK | os.X_OK):
        fix = "make it writable, or choose another folder"
        return Finding(Level.FAIL, subject, f"{there} is not writable", fix)
    return _space(subject, there)


def _engine_disk(report: EngineReport) -> Finding:
    subject = "disk of the engine"
    if report.data is None:
        fix = "look with 'docker system df'"
        return Finding(Level.WARN, subject, "its data is not to be seen from here", fix)
    return _space(subject, report.data)


def _space(subject: str, folder: Path) -> Finding:
    free = shutil.disk_usage(folder).free
    what = f"{free / _GIB:.1f} GiB free at {folder}"
    if free >= _ENOUGH:
        return Finding(Level.OK, subject, what)
    level = Level.WARN if free >= _LEAST else Level.FAIL
    return Finding(level, subject, what, "free some space")


def _builder(project: Project, services: tuple[str, ...]) -> Iterator[Finding]:
    """Report what builds the images of these services, where some are built."""
    built = [name for name in services if project.services[name].build is not None]
    if not built:
        return
    names = ", ".join(built)
    if project.compose is not None and builds_with_buildkit():
        yield Finding(Level.OK, "builder", f"Compose builds {names} with BuildKit")
        return
    what = f"the classic builder of the engine builds {names}; it knows fewer keys than BuildKit"
    fix = "install Docker Compose and the CLI plugin buildx, and leave DOCKER_BUILDKIT on"
    yield Finding(Level.WARN, "builder", what, fix)


def _main_commands(
    campaign: Campaign, project: Project, services: tuple[str, ...]
) -> Iterator[Finding]:
    """Report the main processes of containers that differ from the file."""
    for name, told in foreseen_mains(campaign, project, services).items():
        level = Level.WARN if told.surprising else Level.OK
        yield Finding(level, f"main process of {name}", told.text)


def _shared_gpus(campaign: Campaign, project: Project) -> Iterator[Finding]:
    """Report which backends need the same GPUs, and what that means for their experiments."""
    rivals = gpu_rivals(campaign, project, everything(campaign))
    if not rivals:
        return
    listed = "; ".join(map(str, rivals))
    if campaign.share_gpus:
        what = f"experiments run side by side on the same GPUs, since share_gpus is true: {listed}"
        yield Finding(Level.WARN, "shared GPUs", what, "leave share_gpus out to measure each alone")
        return
    what = f"experiments that need the same GPUs do not run side by side: {listed}"
    yield Finding(Level.OK, "shared GPUs", what)


def _images(project: Project, services: tuple[str, ...]) -> Finding:
    try:
        missing = missing_images(project, services)
    except RuntimeUnavailable as error:
        return Finding(Level.WARN, "images", str(error))
    if not missing:
        return Finding(Level.OK, "images", "all are on the engine")
    listed = ", ".join(f"{image} ({name})" for name, image in missing.items())
    fix = "they are pulled or built at the start, which may take long; or do it before"
    return Finding(Level.WARN, "images", f"not on the engine: {listed}", fix)
