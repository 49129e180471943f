"""The engine: drives backends through their lifecycles, on a runtime.

The engine turns each row of a table in :mod:`states` into calls of a runtime (Docker, local processes)
and feeds what comes of them back as events.

Names are imported when they are first used, so that ``import engine`` costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from engine._moved import install

if TYPE_CHECKING:
    from engine.backend.lifecycle import BackendLifecycle as BackendLifecycle
    from engine.compose import load_project as load_project
    from engine.controller import Controller as Controller
    from engine.errors import CampaignError as CampaignError
    from engine.errors import CommandLost as CommandLost
    from engine.errors import ComposeError as ComposeError
    from engine.errors import ContainerLost as ContainerLost
    from engine.errors import DispatchError as DispatchError
    from engine.errors import DockwardenError as DockwardenError
    from engine.errors import ExecFailed as ExecFailed
    from engine.errors import InputError as InputError
    from engine.errors import JournalConflict as JournalConflict
    from engine.errors import JournalCorrupt as JournalCorrupt
    from engine.errors import JournalError as JournalError
    from engine.errors import JournalForeign as JournalForeign
    from engine.errors import JournalLocked as JournalLocked
    from engine.errors import JournalTooNew as JournalTooNew
    from engine.errors import JournalUnwritable as JournalUnwritable
    from engine.errors import LaunchFailed as LaunchFailed
    from engine.errors import LifecycleUnknown as LifecycleUnknown
    from engine.errors import MarkdownError as MarkdownError
    from engine.errors import MissingExtra as MissingExtra
    from engine.errors import MissingProgram as MissingProgram
    from engine.errors import NotReady as NotReady
    from engine.errors import OwnedElsewhere as OwnedElsewhere
    from engine.errors import RemovalFailed as RemovalFailed
    from engine.errors import ReplayRefused as ReplayRefused
    from engine.errors import RuntimeFault as RuntimeFault
    from engine.errors import RuntimeUnavailable as RuntimeUnavailable
    from engine.errors import SetupError as SetupError
    from engine.errors import StartAgain as StartAgain
    from engine.errors import StartError as StartError
    from engine.errors import TeardownError as TeardownError
    from engine.errors import UsedAfterClose as UsedAfterClose
    from engine.errors import UsedInFork as UsedInFork
    from engine.errors import UsedInListener as UsedInListener
    from engine.errors import UsedOnOtherLoop as UsedOnOtherLoop
    from engine.errors import UseError as UseError
    from engine.health.gpu import ContainerHealthStatus as ContainerHealthStatus
    from engine.manager import ContainerManager as ContainerManager
    from engine.model.results import Ended as Ended
    from engine.model.results import Ending as Ending
    from engine.model.results import Transition as Transition
    from engine.model.spec import Project as Project
    from engine.model.spec import ServiceSpec as ServiceSpec
    from engine.policy import BackendPolicy as BackendPolicy
    from engine.policy import GpuPolicy as GpuPolicy
    from engine.policy import HealthPolicy as HealthPolicy
    from engine.policy import RestartPolicy as RestartPolicy
    from engine.policy import RetryPolicy as RetryPolicy
    from engine.runtimes.base import Runtime as Runtime

__all__ = [
    "BackendLifecycle",
    "BackendPolicy",
    "CampaignError",
    "CommandLost",
    "ComposeError",
    "ContainerHealthStatus",
    "ContainerLost",
    "ContainerManager",
    "Controller",
    "DispatchError",
    "DockwardenError",
    "Ended",
    "Ending",
    "ExecFailed",
    "GpuPolicy",
    "HealthPolicy",
    "InputError",
    "JournalConflict",
    "JournalCorrupt",
    "JournalError",
    "JournalForeign",
    "JournalLocked",
    "JournalTooNew",
    "JournalUnwritable",
    "LaunchFailed",
    "LifecycleUnknown",
    "MarkdownError",
    "MissingExtra",
    "MissingProgram",
    "NotReady",
    "OwnedElsewhere",
    "Project",
    "RemovalFailed",
    "ReplayRefused",
    "RestartPolicy",
    "RetryPolicy",
    "Runtime",
    "RuntimeFault",
    "RuntimeUnavailable",
    "ServiceSpec",
    "SetupError",
    "StartAgain",
    "StartError",
    "TeardownError",
    "Transition",
    "UseError",
    "UsedAfterClose",
    "UsedInFork",
    "UsedInListener",
    "UsedOnOtherLoop",
    "load_project",
]

_NAMES: Final = {
    "engine.backend.lifecycle": ("BackendLifecycle",),
    "engine.compose": ("load_project",),
    "engine.controller": ("Controller",),
    "engine.health.gpu": ("ContainerHealthStatus",),
    "engine.manager": ("ContainerManager",),
    "engine.policy": ("BackendPolicy", "GpuPolicy", "HealthPolicy", "RestartPolicy", "RetryPolicy"),
    "engine.model.results": ("Ended", "Ending", "Transition"),
    "engine.runtimes.base": ("Runtime",),
    "engine.model.spec": ("Project", "ServiceSpec"),
}
_HOME: Final = {name: module for module, names in _NAMES.items() for name in names}
_ERRORS: Final = "engine.errors"
"""The module of every other public name."""


install()


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOME.get(name, _ERRORS)), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
