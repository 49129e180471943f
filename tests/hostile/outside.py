"""What lies outside: files and folders of the machine that no container may read, change or remove."""

from __future__ import annotations

import hashlib
import os
import secrets
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from attrs import define, field, frozen

__all__ = ["Outside", "below", "discard"]

_FILES: Final = {
    "secret": 0o600,
    "readable": 0o644,
    "exit_code": 0o644,
    "folder/inside": 0o644,
    "private/inside": 0o600,
}
_FOLDERS: Final = {"folder": 0o755, "private": 0o700, "empty": 0o750}
_PIPE: Final = "pipe"


def below(folder: Path, depth: int = 8) -> Iterator[Path]:
    """All that is below a folder, links not followed.

    Args:
        depth: how deep it is read: a container may nest folders beyond any recursion.
    """
    here = [folder]
    for _ in range(depth):
        found = [Path(entry) for one in here for entry in os.scandir(one)]
        yield from found
        here = [one for one in found if one.is_dir() and not one.is_symlink()]


def discard(folder: Path) -> None:
    """Remove a folder, however deep a container has nested what lies in it: Python's own way would recurse."""
    subprocess.run(["rm", "-rf", "--", folder], check=True)


@frozen
class _Seen:
    """All that shows of one file: two that are equal have been left alone."""

    mode: int
    uid: int
    gid: int
    links: int
    inode: int
    modified_ns: int
    content: str


@define(eq=False)
class Outside:
    """A folder of markers for one trick.

    Attributes:
        token: what its files hold, and nothing else in the world does.
    """

    folder: Path
    token: str = field(factory=lambda: f"token-{secrets.token_hex(12)}", init=False)
    _before: dict[str, _Seen] = field(factory=dict, init=False)

    def make(self, uid: int, gid: int) -> None:
        """Make the markers, which belong to the controller's user, and remember how they look."""
        self.folder.mkdir(parents=True)
        for name, mode in _FOLDERS.items():
            (self.folder / name).mkdir()
            (self.folder / name).chmod(mode)
        for name, mode in _FILES.items():
            file = self.folder / name
            file.write_text("0\n" if name == "exit_code" else f"{self.token}\n")
            file.chmod(mode)
        os.mkfifo(self.folder / _PIPE, 0o600)
        for path in (self.folder, *below(self.folder)):
            os.chown(path, uid, gid, follow_symlinks=False)
        self._before = self._look()

    def changes(self) -> list[str]:
        """What is not as it was, in words."""
        now = self._look()
        names = sorted(self._before.keys() | now.keys())
        return [
            f"{self.folder.name}/{name}: {self._before.get(name)} became {now.get(name)}"
            for name in names
            if self._before.get(name) != now.get(name)
        ]

    def leaks_into(self, text: bytes) -> bool:
        """Whether some bytes hold what only the markers hold."""
        return self.token.encode() in text

    def _look(self) -> dict[str, _Seen]:
        found = {}
        for path in (self.folder, *sorted(below(self.folder))):
            at = path.lstat()
            content = ""
            if stat.S_ISREG(at.st_mode):
                content = hashlib.sha256(path.read_bytes()).hexdigest()
            elif stat.S_ISLNK(at.st_mode):
                content = str(path.readlink())
            found[str(path.relative_to(self.folder))] = _Seen(
                *(at.st_mode, at.st_uid, at.st_gid, at.st_nlink, at.st_ino, at.st_mtime_ns, content)
            )
        return found
