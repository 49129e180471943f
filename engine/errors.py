"""The one tree of errors that :mod:`engine` raises.

::

    DockwardenError
    ├── InputError              what the user wrote cannot be used              exit code 2
    │   ├── ComposeError            the compose file: file, service and key
    │   ├── CampaignError           the campaign file: the key's path
    │   ├── LifecycleUnknown        the name of a lifecycle: no such module, or no lifecycle in it
    │   ├── MarkdownError           the markers in a Markdown file: file and line
    │   └── JournalError            the journal: not there, or not readable
    │       ├── JournalForeign          the file is something else
    │       ├── JournalCorrupt          it is damaged
    │       ├── JournalTooNew           a later dockwarden wrote it
    │       ├── JournalLocked           another process writes to it
    │       ├── JournalConflict         what it holds already contradicts what is to be written
    │       └── ReplayRefused           it holds a transition that the table does not have
    ├── SetupError              the machine lacks something                     exit code 2
    │   ├── JournalUnwritable       no space or no permission where the journal lies
    │   ├── RuntimeUnavailable      no engine, no permission, wrong version
    │   ├── MissingExtra            an optional package is not installed
    │   ├── MissingProgram          a program that does part of the work is not installed
    │   └── OwnedElsewhere          the project belongs to another controller, or to an unknown owner
    ├── StartError              a backend could not be made ready (also a RuntimeError)
    ├── DispatchError           an experiment could not be handed to its backend
    ├── UseError                a manager or controller cannot be used here or now (also a RuntimeError)
    │   ├── UsedAfterClose          it is closed
    │   ├── UsedInFork              the process is a forked copy of the one that made it
    │   ├── UsedInListener          a listener calls back into the thread that it runs in
    │   └── UsedOnOtherLoop         another event loop than the one that it was first used on
    ├── TeardownError           containers or networks are left; names each one
    └── RuntimeFault            what a runtime reports about one container
        ├── LaunchFailed            it could not be created or started
        ├── NotReady                it did not pass its readiness gate
        │   └── StartAgain          its own command ended at once; another one is started in its place
        ├── ContainerLost           it went away under what ran in it
        ├── CommandLost             nothing of a command is left in it, nor its exit code
        ├── ExecFailed              the command could not be started in it
        └── RemovalFailed           it could not be removed

Every message says what happened, to which service or file, and what to do next; what caused it is
chained. Errors about tables and events are :class:`states.StateError`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from engine.model.exec import ExecResult
    from engine.ownership.owner import Owner

__all__ = [
    "CampaignError",
    "CommandLost",
    "ComposeError",
    "ContainerLost",
    "DispatchError",
    "DockwardenError",
    "ExecFailed",
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
    "RemovalFailed",
    "ReplayRefused",
    "RuntimeFault",
    "RuntimeUnavailable",
    "SetupError",
    "StartAgain",
    "StartError",
    "TeardownError",
    "UseError",
    "UsedAfterClose",
    "UsedInFork",
    "UsedInListener",
    "UsedOnOtherLoop",
]


class DockwardenError(Exception):
    """Base of every error that dockwarden raises on purpose. Crosses process boundaries with all it holds."""

    def __reduce__(self) -> tuple[Any, ...]:
        # By default a copy is made by calling the class with the message alone, which most classes here do
        # not take: the error would break the process pool that it comes from.
        return _restored, (type(self), self.args, self.__dict__)


class InputError(DockwardenError):
    """The user's input cannot be used; nothing was started."""


class ComposeError(InputError):
    """A compose file cannot be used.

    Attributes:
        file: the file, as the user named it.
        service: the service, where the finding is about one.
        key: the key's path within the file, such as ``services.vllm.gpus``.
    """

    def __init__(
        self, message: str, *, file: str, service: str | None = None, key: str | None = None
    ) -> None:
        self.file = file
        self.service = service
        self.key = key
        where = f"{file}: {key}" if key else file
        super().__init__(f"{where}: {message}")


class CampaignError(InputError):
    """A campaign file cannot be used.

    Attributes:
        file: the file, as the user named it.
        findings: each ``(key path, what is wrong and what to write instead)``.
    """

    def __init__(self, file: str, findings: tuple[tuple[str, str], ...]) -> None:
        self.file = file
        self.findings = findings
        listed = "".join(f"\n  {path}: {what}" for path, what in findings)
        super().__init__(f"{file} cannot be used:{listed}")


class LifecycleUnknown(InputError):
    """There is no lifecycle of the given name."""


class MarkdownError(InputError):
    """The markers in a Markdown file cannot be used; the file is left as it is.

    Attributes:
        file: the file, as the user named it.
        line: of the marker, from 1.
    """

    def __init__(self, message: str, *, file: str, line: int) -> None:
        self.file = file
        self.line = line
        super().__init__(f"{file}, line {line}: {message}")


class JournalError(InputError):
    """A journal cannot be used; the file is left as it is.

    Attributes:
        file: the journal.
    """

    def __init__(self, message: str, *, file: Path) -> None:
        self.file = file
        super().__init__(f"{file}: {message}")


class JournalForeign(JournalError):
    """The file is no journal of dockwarden's."""


class JournalCorrupt(JournalError):
    """The file is a journal, and damaged."""


class JournalTooNew(JournalError):
    """A later version of dockwarden has written the journal."""


class JournalLocked(JournalError):
    """Another process writes to the journal.

    Attributes:
        holder: that process, where it has said who it is.
    """

    def __init__(self, message: str, *, file: Path, holder: Owner | None = None) -> None:
        self.holder = holder
        super().__init__(message, file=file)


class JournalConflict(JournalError):
    """A record contradicts the journal; nothing was written."""


class ReplayRefused(JournalError):
    """The journal holds a transition that the table does not have.

    Attributes:
        seq: the number of that row among the transitions.
    """

    def __init__(self, message: str, *, file: Path, seq: int) -> None:
        self.seq = seq
        super().__init__(f"transition {seq}: {message}", file=file)


class SetupError(DockwardenError):
    """The machine lacks something; the message suggests a fix."""


class JournalUnwritable(SetupError):
    """The journal cannot be written: no space is left, or no permission.

    Attributes:
        file: the journal.
    """

    def __init__(self, message: str, *, file: Path) -> None:
        self.file = file
        super().__init__(f"{file}: {message}")


class RuntimeUnavailable(SetupError):
    """The runtime cannot work here: no engine answers, no permission, a version too old."""


class MissingExtra(SetupError, ImportError):
    """An optional package is not installed; the message gives the pip command."""

    def __init__(self, feature: str, extra: str) -> None:
        self.extra = extra
        super().__init__(
            f"{feature} needs packages that are not installed; run: pip install 'dockwarden[{extra}]'"
        )


class MissingProgram(SetupError):
    """A program that does part of the work is not installed; the message says what to install."""

    def __init__(self, feature: str, program: str, package: str) -> None:
        self.program = program
        super().__init__(
            f"{feature} needs the program {program!r}, which is not installed;"
            f" install {package} (on Debian and Ubuntu: apt-get install {package.lower()})"
        )


class OwnedElsewhere(SetupError):
    """A container or network that we would create exists already, and has another owner."""


class StartError(DockwardenError, RuntimeError):
    """One or more backends could not be made ready.

    Attributes:
        reasons: what went wrong, by service.
        quoted: the last lines that the main process wrote, and where its log is, by service.
    """

    def __init__(self, reasons: Mapping[str, str], quoted: Mapping[str, str] | None = None) -> None:
        self.reasons = dict(reasons)
        self.quoted = dict(quoted or {})
        listed = "; ".join(f"{service}: {reason}" for service, reason in self.reasons.items())
        lines = "".join(f"\n{service}: {said}" for service, said in self.quoted.items())
        super().__init__(f"start-up failed: {listed}{lines}")


class DispatchError(DockwardenError):
    """An experiment could not be handed to its backend; it has not run."""


class UseError(DockwardenError, RuntimeError):
    """A manager or controller cannot be used here or now; nothing was done.

    Attributes:
        call: what was called, such as ``execute``.
    """

    def __init__(self, message: str, *, call: str) -> None:
        self.call = call
        super().__init__(message)


class UsedAfterClose(UseError):
    """The manager is closed, or was closed while the call waited."""


class UsedInFork(UseError):
    """The calling process is a forked copy of the process that made the manager or controller."""


class UsedInListener(UseError):
    """A listener called its manager, in the thread that would have to serve the call."""


class UsedOnOtherLoop(UseError):
    """The controller was first used on another event loop."""


class TeardownError(DockwardenError):
    """Containers or networks are left behind.

    Attributes:
        leftovers: what could not be removed and why, by service or network.
    """

    def __init__(self, leftovers: Mapping[str, str]) -> None:
        self.leftovers = dict(leftovers)
        listed = "; ".join(f"{name}: {reason}" for name, reason in self.leftovers.items())
        super().__init__(f"the teardown left something behind: {listed}")


class RuntimeFault(DockwardenError):
    """A fault of one service's container, reported by its runtime.

    Attributes:
        service: the service.
        reason: what happened, and what to do next.
        curable: whether a restart can help.
        recreate: whether that takes a new container.
    """

    def __init__(
        self, service: str, reason: str, *, curable: bool = True, recreate: bool = False
    ) -> None:
        self.service = service
        self.reason = reason
        self.curable = curable
        self.recreate = recreate
        super().__init__(f"{service}: {reason}")


class LaunchFailed(RuntimeFault):
    """The container could not be created or started."""


class NotReady(RuntimeFault):
    """The container runs and did not pass its readiness gate."""


class StartAgain(NotReady):
    """Its own command ended at once. The next start runs another command, and costs no restart."""


class ContainerLost(RuntimeFault):
    """The container went away under what ran in it.

    Attributes:
        ended: how the command had ended by itself before that; None if it had not, or if its end or a
            part of its output is not known.
    """

    ended: ExecResult | None = None


class CommandLost(RuntimeFault):
    """A command is not in its container any more, and its end was not observed."""


class ExecFailed(RuntimeFault):
    """The command could not be started; it has not run."""


class RemovalFailed(RuntimeFault):
    """The container could not be removed."""


def _restored(
    kind: type[DockwardenError], arguments: tuple[Any, ...], attributes: Mapping[str, Any]
) -> DockwardenError:
    """The copy of an error."""
    error = kind.__new__(kind)
    error.args = arguments
    error.__dict__.update(attributes)
    return error
