"""The lab as a whole: up, down, restarted, each of them safe to ask for twice."""

import contextlib
import fcntl
import logging
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from .api import EngineApi
from .base_image import BASE_IMAGE, provide_base_image
from .compose import provide_compose
from .engine import Engine, configure, find_engine, start_engine, stop_daemon, stop_engine
from .errors import LabFailed
from .gpu import install_gpu_hook, install_gpus
from .kinds import KINDS, find_kind
from .layout import Layout, current_layout
from .packages import install_what_is_lacking, require_root
from .roots import provide_system
from .turns import provide_locks

__all__ = ["ensure_up", "is_up", "remember_engine", "restart_engine", "socket_path", "take_down"]

_logger = logging.getLogger(__name__)


def socket_path() -> Path:
    """Where the lab's engine listens when it is up."""
    return current_layout().socket


def is_up() -> bool:
    """Whether the engine answers and has the base image."""
    api = EngineApi(socket_path())
    return api.ping() and api.has_image(BASE_IMAGE)


def ensure_up(
    *, say: Callable[[str], None] = _logger.info, compose_required: bool = False
) -> Engine:
    """Bring the lab up, or find it up; the first time takes about a minute.

    Args:
        say: Called with what is being done, a line each.
        compose_required: Fail when Compose cannot be had, instead of doing without.

    Returns:
        The engine, with the base image in it.

    Raises:
        LabUnavailable: A private engine cannot be had on this machine; the text says why.
        LabFailed: It should have come up and did not; the text says what to check.
    """
    layout = current_layout()
    # Who is not root can use a lab that root brought up, and only root can see to it.
    if os.geteuid() == 0 or not is_up():
        require_root()
        with _alone(layout):
            install_what_is_lacking(say)
            install_gpu_hook(layout)
            install_gpus(layout)
            if find_engine(layout) is None:
                say("starting dockerd")
                provide_system(layout, say)
                start_engine(layout)
            else:
                configure(layout)
            provide_base_image(layout, say)
            try:
                provide_compose(layout, say)
            except LabFailed as error:
                if compose_required:
                    raise
                say(f"going on without Compose. {error}")
    engine = find_engine(layout)
    if engine is None:
        raise LabFailed(f"dockerd came up and stopped answering; see the end of {layout.log}.")
    layout.kind.check(engine.version)
    return engine


def remember_engine(name: str) -> None:
    """Make an engine the one that the lab brings up from now on, where the environment names no other.

    Raises:
        LabFailed: The lab knows no engine of that name.
    """
    layout = current_layout()
    find_kind(name)
    layout.base_dir.mkdir(parents=True, exist_ok=True)
    layout.remembered_engine.write_text(f"{name}\n")


def restart_engine(*, kill: bool = False) -> Engine:
    """End dockerd and start another in the same place, as when a machine's engine is restarted.

    Args:
        kill: End it without notice, as a crash would: its containers run on until the new one
            finds and ends them.

    Returns:
        The new engine.

    Raises:
        LabFailed: It would not end, or the new one would not come up.
    """
    require_root()
    layout = current_layout()
    with _alone(layout):
        stop_daemon(layout, kill=kill)
        start_engine(layout)
    return ensure_up()


def take_down(*, purge: bool = False) -> None:
    """End every engine of the lab and everything they started; images and caches stay for the next time.

    Args:
        purge: Delete those too.

    Raises:
        LabUnavailable: Not root.
        LabFailed: Something could not be ended or removed; the text names it.
    """
    base_dir = current_layout().base_dir
    running = [one for one in (Layout(base_dir, name) for name in KINDS) if one.run_dir.exists()]
    purging = purge and base_dir.exists()
    if running or purging:
        require_root()
    for layout in running:
        with _alone(layout):
            remains = stop_engine(layout)
            shutil.rmtree(layout.gpu_benches, ignore_errors=True)
        if remains:
            raise LabFailed("The lab is not wholly down:\n" + "\n".join(remains))
    if purging:
        shutil.rmtree(base_dir)


@contextlib.contextmanager
def _alone(layout: Layout) -> Iterator[None]:
    """One at a time: two test runs that start together share one engine."""
    layout.lab_dir.mkdir(parents=True, exist_ok=True)
    # A folder that Git, and every tool that honours its ignore files, skips.
    (layout.base_dir / ".gitignore").write_text("*\n")
    provide_locks(layout)
    with (layout.base_dir / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
