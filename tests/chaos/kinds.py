"""The kinds of kill, and the settings of campaigns in which they are tried: tables."""

from __future__ import annotations

import signal
from collections.abc import Callable
from enum import StrEnum
from typing import Final

from attrs import frozen

from tests.chaos.scene import Scene

__all__ = ["KINDS", "SETTINGS", "Kind", "Setting", "Target"]


class Target(StrEnum):
    """A process that can be killed."""

    CONTROLLER = "controller"
    WATCHDOG = "watchdog"
    DAEMON = "daemon"


@frozen
class Setting:
    """A way to set up a campaign and its engine.

    Attributes:
        keep: whether containers outlive their controller.
        live_restore: whether containers outlive their daemon.
    """

    name: str
    keep: bool
    live_restore: bool


SETTINGS: Final = (
    Setting("keep", keep=True, live_restore=True),
    Setting("remove", keep=False, live_restore=True),
    Setting("keep, no live-restore", keep=True, live_restore=False),
    Setting("remove, no live-restore", keep=False, live_restore=False),
)


@frozen
class Kind:
    """A kind of kill.

    Attributes:
        targets: what is signalled, in this order. A daemon is started again at once.
        signal: what they are sent.
        fits: whether it can be tried in a scene.
        loses: whether an experiment that runs in this scene may be lost by it.
        cleanups: the commands that may come next, in turn; ``run`` resumes the campaign, the others must
            leave nothing of it on the engine.
        steps_clock: whether the next controllers see a wall clock that was set.
    """

    name: str
    targets: tuple[Target, ...]
    fits: Callable[[Scene], bool]
    loses: Callable[[Scene], bool]
    signal: signal.Signals = signal.SIGKILL
    cleanups: tuple[str, ...] = ("run",)
    steps_clock: bool = False

    @property
    def ends_controller(self) -> bool:
        """Whether another controller must go on after it."""
        return Target.CONTROLLER in self.targets

    @property
    def needs_work(self) -> bool:
        """Whether its targets are there only once a controller is at work."""
        return self.targets != (Target.CONTROLLER,)


def _always(_scene: Scene) -> bool:
    return True


def _never(_scene: Scene) -> bool:
    return False


def _not_adopted(scene: Scene) -> bool:
    return not scene.adopted


KINDS: Final = (
    Kind("controller", (Target.CONTROLLER,), _always, _not_adopted),
    Kind("watchdog", (Target.WATCHDOG,), lambda scene: not scene.keep, _never),
    Kind(
        "watchdog and controller",
        (Target.WATCHDOG, Target.CONTROLLER),
        lambda scene: not scene.keep,
        _always,
        cleanups=("run", "down", "reap"),
    ),
    Kind(
        "daemon with live-restore",
        (Target.DAEMON,),
        lambda scene: scene.runtime == "docker" and scene.live_restore,
        _never,
    ),
    Kind(
        "daemon without live-restore",
        (Target.DAEMON,),
        lambda scene: scene.runtime == "docker" and not scene.live_restore,
        _always,
    ),
    Kind(
        "SIGHUP to the controller",
        (Target.CONTROLLER,),
        # Elsewhere one setting is free of kinds that lose anything, so that all can be held to account.
        lambda scene: not (scene.keep and scene.live_restore),
        _always,
        signal=signal.SIGHUP,
    ),
    Kind(
        "controller, and the clock set",
        (Target.CONTROLLER,),
        _always,
        _not_adopted,
        steps_clock=True,
    ),
)
