"""Tricks with an attempt's folder, the folder above it, and the place of the next run."""

from __future__ import annotations

from typing import Final

from tests.hostile.trick import Completes, Either, Fails, Trick
from tests.hostile.tricks.files import UNNOTED

__all__ = ["FOLDERS", "many"]

_GONE: Final = "removed|missing|gone|not there|no longer|deleted"
_OWN: Final = "folder|directory|removed|missing|gone|permission|belongs|link"
_AWAY: Final = Fails(_OWN)
_EITHER: Final = Either(Completes(), Fails(_OWN))

FOLDERS: Final = (
    Trick("folder-removed", "its folder is removed", 'rm -rf "$mine"', Fails(_GONE)),
    Trick(
        "folder-made-again",
        "its folder is removed and made again, with files in it",
        'rm -rf "$mine"; mkdir "$mine"; cd "$mine"; echo 0 >exit_code; echo forged >stdout; : >stderr',
        _EITHER,
    ),
    Trick(
        "folder-link",
        "its folder is a link to a folder of the machine",
        'mv "$mine" "$spool/away"; ln -s "$out/folder" "$mine"',
        _AWAY,
    ),
    Trick(
        "folder-link-closed",
        "its folder is a link to a folder of the machine that is closed to others",
        'mv "$mine" "$spool/away"; ln -s "$out/private" "$mine"',
        _AWAY,
    ),
    Trick(
        "folder-dangling",
        "its folder is a link to what does not exist",
        'rm -rf "$mine"; ln -s "$out/empty/made" "$mine"',
        _AWAY,
    ),
    Trick(
        "folder-file",
        "its folder is a file",
        'rm -rf "$mine"; echo x >"$mine"',
        _AWAY,
    ),
    Trick("folder-pipe", "its folder is a pipe", 'rm -rf "$mine"; mkfifo "$mine"', _AWAY),
    Trick(
        "folder-twice-removed",
        "its folder goes and comes all the time",
        'for i in 1 2 3 4 5 6 7 8 9; do rm -rf "$mine"; mkdir "$mine"; done',
        _EITHER,
    ),
    Trick(
        "folder-owner",
        "its folder belongs to another user, and is closed",
        'chown -R 4242:4242 "$mine"; chmod 0700 "$mine"',
        _EITHER,
    ),
    Trick(
        "folder-mode",
        "its folder is closed, and so are its files",
        'chmod 0 "$mine" "$mine"/*',
        Either(Completes(), Fails(f"{_OWN}|{UNNOTED}")),
    ),
    Trick(
        "special-modes",
        "everything has all special bits",
        'chmod 7777 "$mine" "$spool" "$mine"/*',
        Completes(),
    ),
    Trick(
        "spool-emptied", "everything in the shared folder is removed", 'rm -rf "$spool"/*', _AWAY
    ),
    Trick(
        "spool-owner",
        "the shared folder belongs to another user, and is closed",
        'chown 4242:4242 "$spool"; chmod 0700 "$spool"',
        _EITHER,
    ),
    Trick("spool-mode", "the shared folder is closed", 'chmod 0 "$spool"', _EITHER),
    Trick(
        "next-folder",
        "the next run's folder is there already, and full",
        'mkdir -p "$spool/$next.1/folder"; echo 7 >"$spool/$next.1/exit_code"',
        Completes(),
    ),
    Trick("next-file", "a file has the next run's place", 'echo x >"$spool/$next.1"', Completes()),
    Trick(
        "next-link",
        "a link to a folder of the machine has the next run's place",
        'ln -s "$out/folder" "$spool/$next.1"',
        Completes(),
    ),
    Trick(
        "next-dangling",
        "a link to what does not exist has the next run's place",
        'ln -s "$out/empty/made" "$spool/$next.1"',
        Completes(),
    ),
    Trick("next-pipe", "a pipe has the next run's place", 'mkfifo "$spool/$next.1"', Completes()),
    Trick(
        "next-another-users",
        "the next run's folder is there already, and another user's",
        'mkdir -m 700 "$spool/$next.1"; touch "$spool/$next.1/x"; chown -R 4242:4242 "$spool/$next.1"',
        Completes(),
    ),
    Trick(
        "looks-link",
        "a link to a folder of the machine has the place of looks",
        'ln -s "$out/folder" "$spool/.looks"; for i in 1 2 3 4; do ln -s "$out/folder" "$spool/look-$i"; done',
        Completes(),
    ),
    Trick(
        "deep",
        "folders within folders, deeper than any path or recursion may be",
        """python3 - "$mine" <<'END'
import os, sys
os.chdir(sys.argv[1])
for _ in range(3000):
    os.mkdir("d")
    os.chdir("d")
END""",
        Completes(),
    ),
    Trick(
        "odd-names",
        "files whose names are no text, or steer a terminal",
        """python3 - "$mine" <<'END'
import os, sys
for name in (b"\\xff\\xfe", b"line\\nfeed", b"\\x1b[7777mHOSTILE", b"-rf", b"*", b"...", b" ", b"a" * 255):
    open(os.path.join(os.fsencode(sys.argv[1]), name), "wb").close()
END""",
        Completes(),
    ),
    Trick(
        "sparse",
        "300 MiB of holes in its output",
        'truncate -s 300M "$mine/stdout"; truncate -s 300M "$mine/exit_code"',
        Completes(),
    ),
    Trick(
        "shrinking",
        "its output gets shorter",
        'i=0; while [ $i -lt 200 ]; do echo $i; i=$((i+1)); done; : >"$mine/stdout"; echo rest',
        Completes(stdout="rest\n"),
    ),
)


def many(files: int) -> tuple[Trick, ...]:
    """Tricks by the number of files.

    Args:
        files: how many each of them makes.
    """
    make = "import os, sys\nos.chdir(sys.argv[1])\nfor i in range(int(sys.argv[2])):\n os.mknod(str(i))"
    return tuple(
        Trick(
            f"many-in-{place}",
            f"{files:,} files in {words}",
            f"""python3 - "${variable}" {files} <<'END'\n{make}\nEND""",
            Completes(),
            {"timeout": "900s"},
        )
        for place, words, variable in (
            ("folder", "its folder", "mine"),
            ("spool", "the shared folder", "spool"),
        )
    )
