"""Claims: whose things are, once their maker has died and another controller has taken them over.

What a controller makes names its maker in labels, which nobody can change, and the path of a *claim*: a
file that does not exist until somebody takes over what is labelled with it. Then it names the new owner,
and that one counts. Who takes over holds the claim's lock while it looks and writes, and so do those who
remove what a dead controller left: of several, one comes first, and the others see it.

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
_PLACE: Final = ("dockwarden", "claims")
_NAME: Final = re.compile(r"[0-9a-f]{32}")
_MOST_BYTES: Final = 2**14


def new() -> dict[str, str]:
    """The label of a claim on what a controller is about to make; there is no file yet.

    It will be below ``$XDG_STATE_HOME``, else ``~/.local/state``.
    """
    return {CLAIM: str(_folder() / uuid.uuid4().hex)}


def owner_of(labels: Mapping[str, str]) -> Owner | None:
    """Whose the thing with these labels is: who has taken it over, else its maker; None if it says none.

    Where the claim cannot be read, because it is another user's, its maker counts as alive: nobody can
    tell from here.
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
    """Whether what carries these labels is the owner's, or a dead one's that anybody may clean up."""
    present = owner_of(labels)
    return present is not None and (present == owner or not present.alive)


def take(owner: Owner, labels: Mapping[str, str]) -> bool:
    """Make what carries these labels the owner's, for everybody to see.

    Waits while somebody is removing it.

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
        who has claimed it before, and lives; None when it is the owner's now. It is nobody's, and None,
        where no claims can be written.
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
    """Who has claimed what is called so, and lives; None where it is nobody, or another user of this machine."""
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
    """Keep everybody from taking over what carries these labels, while it is looked at and removed."""
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
    """Forget what claims dead controllers have left; nothing is any less orphaned by that.

    Whoever they took over from has died as well. A claim that somebody holds at the moment stays.
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
    """Whom a claim names; None where there is none, or nothing sensible in it."""
    try:
        with open_plain(file) as opened:
            return Owner.from_json(opened.read(_MOST_BYTES))
    except (FileNotFoundError, NotADirectoryError):
        return None


def _folder() -> Path:
    state = Path(os.environ.get("XDG_STATE_HOME", ""))
    if not state.is_absolute():
        state = Path("~/.local/state").expanduser()
    return state.joinpath(*_PLACE)


def _reservation(what: str) -> Path:
    """The claim on what is called so."""
    return _folder() / uuid.uuid5(uuid.NAMESPACE_URL, what).hex


def _write(file: Path, owner: Owner) -> None:
    written = _unfinished(file)
    written.write_text(json.dumps(owner.labels()))
    written.replace(file)


def _unfinished(file: Path) -> Path:
    """What a claim is written as, before it counts."""
    return file.with_name(f"{file.name}-new")


def _file(labels: Mapping[str, str]) -> Path | None:
    """The claim that labels name; none, if they name what no claim is called: anybody may write labels."""
    named = Path(labels.get(CLAIM, ""))
    claimed = named.is_absolute() and named.parts[-3:-1] == _PLACE and _NAME.fullmatch(named.name)
    return named if claimed else None


@contextmanager
def _locked(file: Path, how: int) -> Iterator[None]:
    """Hold a claim's lock, shared or alone; whoever lets go of it last removes its file."""
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
