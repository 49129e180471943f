"""Files that a command hands back: collected out of its container's reach, regular ones only, and bounded."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import PurePath
from time import monotonic
from typing import Final

from attrs import define, field

from engine.spool.below import FOLDER
from engine.spool.copying import copy
from engine.util.regular_file import oddity, plain_descriptor

__all__ = [
    "ARTIFACTS",
    "HANDED",
    "METRICS",
    "MOST_DEPTH",
    "MOST_FILES",
    "MOST_METRICS_BYTES",
    "Bounds",
    "Warnings",
    "copy_metrics",
    "copy_tree",
    "handed_variables",
    "make_handed",
    "shown",
    "walk",
]

HANDED: Final = "handed"
"""The folder in a slot that a command may do with as it likes."""
METRICS: Final = "metrics.json"
ARTIFACTS: Final = "artifacts"

MOST_METRICS_BYTES: Final = 2**20
"""How large the file of a command's metrics may be."""

MOST_FILES: Final = 10_000
MOST_DEPTH: Final = 32
_HERE: Final = PurePath()
_MOST_LOOKED_AT: Final = 100_000
_MOST_WARNINGS: Final = 20
_LONGEST_NAME: Final = 200
_COLLECTING_S: Final = 120.0


def shown(name: str) -> str:
    """A name that a container chose, fit for a message."""
    text = name.encode(errors="backslashreplace").decode()
    text = "".join(one if one.isprintable() else repr(one)[1:-1] for one in text)
    return text if len(text) <= _LONGEST_NAME else f"{text[:_LONGEST_NAME]}..."


@define
class Warnings:
    """Warnings about one command: the first of them, and how many there were besides."""

    _listed: list[str] = field(factory=list)
    _besides: int = 0

    def add(self, what: str) -> None:
        """Take in a warning."""
        if what in self._listed:
            return
        if len(self._listed) < _MOST_WARNINGS:
            self._listed.append(what)
        else:
            self._besides += 1

    def told(self) -> tuple[str, ...]:
        """Return the listed warnings, and the number of all others."""
        besides = (f"and {self._besides} more such warnings",) if self._besides else ()
        return (*self._listed, *besides)


@define
class Bounds:
    """How much may still be collected of one command.

    Attributes:
        bytes_left: of content.
        files_left: regular files.
        entries_left: entries of folders to check, of any kind.
        until_s: when collecting ends, by the monotonic clock.
    """

    bytes_left: int
    files_left: int = MOST_FILES
    entries_left: int = _MOST_LOOKED_AT
    until_s: float = field(factory=lambda: monotonic() + _COLLECTING_S)

    def passed(self) -> str:
        """Say which limit has been reached; empty while none is."""
        if self.files_left <= 0:
            return f"there are more than {MOST_FILES} files; the rest is not collected"
        if self.entries_left <= 0:
            return f"there are more than {_MOST_LOOKED_AT} entries; the rest is not checked"
        if monotonic() > self.until_s:
            return f"collecting took longer than {_COLLECTING_S:g} s; the rest is not collected"
        return ""

    def refusal(self, size: int) -> str:
        """Why a file of so many bytes is not collected; empty if it may be."""
        if size <= self.bytes_left:
            return ""
        return (
            f"has {size} bytes, and {self.bytes_left} may still be collected; raise max_artifacts"
        )

    def take(self, size: int) -> None:
        """Take note that a file has been collected."""
        self.bytes_left -= size
        self.files_left -= 1


def handed_variables(slot: str) -> Mapping[str, str]:
    """The variables by which a command knows where to put its metrics and its artifacts.

    Args:
        slot: the path of its slot as the command sees it.
    """
    return {
        "DOCKWARDEN_METRICS": f"{slot}/{HANDED}/{METRICS}",
        "DOCKWARDEN_ARTIFACTS": f"{slot}/{HANDED}/{ARTIFACTS}",
    }


def make_handed(slot: int) -> None:
    """Make the folder for a command's metrics and artifacts, for any user that its container runs as.

    The file of the metrics is there already, so that any user can write to it under any umask. Since the
    folder is open to all, it can be replaced as well, as programs do that write a file under another name.
    """
    _open_folder(slot, HANDED)
    inside = os.open(HANDED, FOLDER, dir_fd=slot)
    try:
        _open_folder(inside, ARTIFACTS)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        file = os.open(METRICS, flags, mode=0o600, dir_fd=inside)
        os.fchmod(file, 0o666)
        os.close(file)
    finally:
        os.close(inside)


def _open_folder(above: int, name: str) -> None:
    os.mkdir(name, mode=0o700, dir_fd=above)
    made = os.open(name, FOLDER, dir_fd=above)
    os.fchmod(made, 0o777)
    os.close(made)


def copy_metrics(handed: int, target: int, warnings: Warnings) -> None:
    """Copy the file of a command's metrics, if it wrote any."""
    try:
        source = plain_descriptor(METRICS, directory=handed, links=False)
    except FileNotFoundError:
        return
    except OSError as error:
        warnings.add(f"the file at DOCKWARDEN_METRICS is not read: {_reason(error)}")
        return
    try:
        size = os.fstat(source).st_size
        if size > MOST_METRICS_BYTES:
            warnings.add(
                f"the file at DOCKWARDEN_METRICS has {size} bytes; at most {MOST_METRICS_BYTES} are read"
            )
        elif size:
            _copy_into(source, target, METRICS, size)
    finally:
        os.close(source)


def copy_tree(
    source: int,
    target: int,
    bounds: Bounds,
    warnings: Warnings,
    *,
    wanted: Callable[[PurePath], bool] = lambda _path: True,
    below: PurePath = _HERE,
) -> None:
    """Copy the regular files below a folder, each one whole or not at all.

    Args:
        source: a folder that its container may change at any moment.
        target: an open, private folder; existing files stay.
        wanted: which of them are copied, by their paths.
        below: what their paths are put below, for ``wanted`` and in ``target``.

    Raises:
        OSError: a copy cannot be written: the disk is full, say.
    """
    for within, folder in _folders(source, bounds, warnings):
        for entry in _entries(folder, bounds, warnings):
            path = below / within / entry.name
            if not wanted(path):
                continue
            if not _is_text(entry.name):
                warnings.add(f"{shown(str(path))} is not collected: its name cannot be printed")
                continue
            try:
                file = plain_descriptor(entry.name, directory=folder, links=False)
            except OSError as error:
                warnings.add(f"{shown(str(path))} is not collected: {_reason(error)}")
                continue
            try:
                size = os.fstat(file).st_size
                if refused := bounds.refusal(size):
                    warnings.add(f"{shown(str(path))} {refused}")
                elif not _copied(file, target, path, size):
                    warnings.add(f"{shown(str(path))} is not collected: its name is taken already")
                else:
                    bounds.take(size)
            finally:
                os.close(file)


def walk(root: int) -> Iterator[tuple[PurePath, int]]:
    """The regular files below a folder and their sizes, in order of their paths."""
    found: list[tuple[PurePath, int]] = []
    bounds, ignored = Bounds(0), Warnings()
    for within, folder in _folders(root, bounds, ignored):
        for entry in _entries(folder, bounds, ignored):
            seen = entry.stat(follow_symlinks=False)
            if not oddity(seen):
                found.append((within / entry.name, seen.st_size))
    yield from sorted(found)


def _folders(root: int, bounds: Bounds, warnings: Warnings) -> Iterator[tuple[PurePath, int]]:
    """A folder and those below it, each open while it is current.

    Each is reached from the root by single components, so that depth costs neither descriptors nor recursion.
    """
    left = [PurePath()]
    while left:
        within = left.pop()
        if passed := bounds.passed():
            warnings.add(passed)
            return
        try:
            folder = _reached(root, within)
        except OSError as error:
            warnings.add(f"{shown(str(within))} is not looked into: {_reason(error)}")
            continue
        try:
            yield within, folder
            inner = sorted(_below(folder, within, bounds), reverse=True)
        finally:
            os.close(folder)
        if inner and len(within.parts) >= MOST_DEPTH:
            warnings.add(
                f"{shown(str(within))} has folders more than {MOST_DEPTH} deep; they are not looked into"
            )
        else:
            left += inner


def _reached(root: int, within: PurePath) -> int:
    at = os.open(".", FOLDER, dir_fd=root)
    for step in within.parts:
        try:
            inner = os.open(step, FOLDER, dir_fd=at)
        finally:
            os.close(at)
        at = inner
    return at


def _below(folder: int, within: PurePath, bounds: Bounds) -> Iterator[PurePath]:
    """The folders in a folder."""
    for entry in _listed(folder, Warnings()):
        bounds.entries_left -= 1
        if bounds.entries_left <= 0:
            return
        if entry.is_dir(follow_symlinks=False):
            yield within / entry.name


def _entries(folder: int, bounds: Bounds, warnings: Warnings) -> Iterator[os.DirEntry[str]]:
    """Yield the entries of a folder that are no folders."""
    for entry in _listed(folder, warnings):
        if passed := bounds.passed():
            warnings.add(passed)
            return
        bounds.entries_left -= 1
        if not entry.is_dir(follow_symlinks=False):
            yield entry


def _listed(folder: int, warnings: Warnings) -> Iterator[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            yield from entries
    except OSError as error:
        warnings.add(f"a folder cannot be listed: {_reason(error)}")


def _is_text(name: str) -> bool:
    """Whether a name can be printed, and written as UTF-8."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return name.isprintable()


def _copied(source: int, target: int, path: PurePath, size: int) -> bool:
    """Copy a file to a path below ``target``; whether that was free."""
    at = os.open(".", FOLDER, dir_fd=target)
    try:
        for step in path.parent.parts:
            try:
                inner = os.open(step, FOLDER, dir_fd=at)
            except NotADirectoryError:
                return False
            except FileNotFoundError:
                os.mkdir(step, mode=0o700, dir_fd=at)
                inner = os.open(step, FOLDER, dir_fd=at)
            os.close(at)
            at = inner
        try:
            _copy_into(source, at, path.name, size)
        except FileExistsError:
            return False
    finally:
        os.close(at)
    return True


def _copy_into(source: int, folder: int, name: str, size: int) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    target = os.open(name, flags, mode=0o600, dir_fd=folder)
    try:
        copy(source, target, size)
    finally:
        os.close(target)


def _reason(error: OSError) -> str:
    return error.strerror or str(error)
