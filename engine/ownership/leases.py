"""Claims: the present owner of objects whose maker has died.

A controller labels each object that it makes with its identity, which cannot be changed later, and with the
path of a *claim*: a file that does not exist until another controller takes the objects over. From then on
the claim names the owner. A controller that takes objects over holds the claim's lock while it checks and
writes; so does one that removes what a dead controller left. So one of several comes first, and the others see it.

What is yet to be made can be claimed as well, by what it is called: of several that begin at once, one
makes it.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
import re
import uuid
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Final

from attrs import evolve

from engine.ownership.owner import LABEL, Owner
from engine.util.regular_file import open_plain
from engine.util.state_folder import state_folder

__all__ = [
    "CLAIM",
    "drop",
    "give_back",
    "held",
    "here",
    "may_take",
    "new",
    "owner_of",
    "reserve",
    "reserved_by",
    "take",
    "tidy",
]

CLAIM: Final = f"{LABEL}claim"
"""The label that says where the claim is."""

_LOG: Final = logging.getLogger(__name__)

_UNREADABLE: Final = "its claim cannot be read"
_CLAIMS: Final = "claims"
_PLACE: Final = ("dockwarden", _CLAIMS)
_NAME: Final = re.compile(r"[0-9a-f]{32}")
_MOST_BYTES: Final = 2**14


def new() -> dict[str, str]:
    """The label of a claim on what a controller is about to make; there is no file yet.

    It will be below ``$XDG_STATE_HOME``, else ``~/.local/state``.
    """
    return {CLAIM: str(_folder() / uuid.uuid4().hex)}


def owner_of(labels: Mapping[str, str]) -> Owner | None:
    """Return the owner of the object with these labels: who took it over, else its maker; None if unlabelled.

    Where the claim cannot be read, because it is another user's, its maker counts as alive: this process
    cannot know.
    """
    maker, file = Owner.from_labels(labels), _file(labels)
    if maker is None or file is None:
        return maker
    try:
        return _told(file) or maker
    except OSError:
        return evolve(maker, host=f"{maker.host} ({_UNREADABLE})")


def here(labels: Mapping[str, str]) -> bool:
    """Whether a claim on what carries these labels would lie among ours."""
    file = _file(labels)
    return file is not None and file.parent == _folder()


def may_take(owner: Owner, labels: Mapping[str, str]) -> bool:
    """Whether the object with these labels is the owner's, or a dead owner's, which any controller may remove."""
    present = owner_of(labels)
    return present is not None and (present == owner or not present.alive)


def take(owner: Owner, labels: Mapping[str, str]) -> bool:
    """Take over the objects with these labels, visibly for all processes.

    Waits while another process is removing them.

    Returns:
        whether it is now: not where its owner lives, nor where it has no claim that can be written.
    """
    file = _file(labels)
    if file is None:
        return False
    try:
        with _locked(file, fcntl.LOCK_EX):
            if not may_take(owner, labels):
                return False
            _write(file, owner)
    except OSError:
        return False
    return True


def reserve(owner: Owner, what: str) -> Owner | None:
    """Claim what is yet to be made, until it is given back or the owner dies.

    Args:
        what: what it is called; the same for all who might make it.

    Returns:
        the living owner that claimed it before; None when it is the owner's now. None as well, with
            no claim made, where no claims can be written.
    """
    file = _reservation(what)
    try:
        with _locked(file, fcntl.LOCK_EX):
            present = _told(file)
            if present is not None and present != owner and present.alive:
                return present
            _write(file, owner)
    except OSError as error:
        _LOG.debug("no claim on %s: %s", what, error)
    return None


def reserved_by(what: str) -> Owner | None:
    """Return the living owner of a reservation; None if there is none, or if it is another user's."""
    try:
        present = _told(_reservation(what))
    except OSError:
        return None
    return present if present is not None and present.alive else None


def give_back(owner: Owner, what: str) -> None:
    """Let others claim what the owner has claimed; harmless when it has not."""
    file = _reservation(what)
    with suppress(OSError), _locked(file, fcntl.LOCK_EX):
        if _told(file) == owner:
            file.unlink()


@contextmanager
def held(labels: Mapping[str, str]) -> Iterator[None]:
    """Keep other controllers from taking over these objects while they are checked and removed."""
    file = _file(labels)
    with ExitStack() as stack:
        if file is not None:
            with suppress(OSError):  # another user's: we could not take it over either
                stack.enter_context(_locked(file, fcntl.LOCK_SH))
        yield


def drop(labels: Mapping[str, str]) -> None:
    """Forget a claim, once nothing is left that carries it."""
    file = _file(labels)
    if file is not None:
        with suppress(OSError):
            file.unlink()


def tidy() -> None:
    """Delete the claims that dead controllers have left; their objects stay orphaned.

    The controllers that they took over from have died as well. A claim whose lock is held stays.
    """
    with suppress(OSError):
        for file in {
            found.with_name(found.name.partition("-")[0]) for found in _folder().iterdir()
        }:
            with suppress(OSError), _locked(file, fcntl.LOCK_EX | fcntl.LOCK_NB):
                owner = _told(file)
                if owner is None or not owner.alive:
                    file.unlink(missing_ok=True)
                _unfinished(file).unlink(missing_ok=True)


def _told(file: Path) -> Owner | None:
    """Read the owner that a claim names; None if there is no claim, or no valid one."""
    try:
        with open_plain(file) as opened:
            return Owner.from_json(opened.read(_MOST_BYTES))
    except (FileNotFoundError, NotADirectoryError):
        return None


def _folder() -> Path:
    return state_folder(_CLAIMS)


def _reservation(what: str) -> Path:
    """The claim on what is called so."""
    return _folder() / uuid.uuid5(uuid.NAMESPACE_URL, what).hex


def _write(file: Path, owner: Owner) -> None:
    written = _unfinished(file)
    written.write_text(json.dumps(owner.labels()))
    written.replace(file)


def _unfinished(file: Path) -> Path:
    """The file that a claim is written to before it counts."""
    return file.with_name(f"{file.name}-new")


def _file(labels: Mapping[str, str]) -> Path | None:
    """Return the claim that labels name; None if no claim can have that path: any user may write labels."""
    named = Path(labels.get(CLAIM, ""))
    claimed = named.is_absolute() and named.parts[-3:-1] == _PLACE and _NAME.fullmatch(named.name)
    return named if claimed else None


@contextmanager
def _locked(file: Path, how: int) -> Iterator[None]:
    """Hold a claim's lock, shared or exclusive; its last holder removes the file."""
    lock = file.with_name(f"{file.name}-lock")
    if lock.parent == _folder():  # a label may point anywhere: no other folder is made
        lock.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = _lock(lock, how)
    try:
        yield
    finally:
        with suppress(BlockingIOError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            lock.unlink()
        os.close(descriptor)


def _lock(lock: Path, how: int) -> int:
    """Open and lock the file that has this name now, not one that has lost it meanwhile."""
    while True:
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, how)
            if os.path.samestat(os.fstat(descriptor), lock.stat()):
                return descriptor
        except FileNotFoundError:
            pass
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)
