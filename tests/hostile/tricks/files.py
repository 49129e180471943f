"""Something else in the place of one of the four files of an attempt."""

from __future__ import annotations

from typing import Final

from attrs import frozen

from tests.hostile.trick import Completes, Either, Expectation, Fails, Trick

__all__ = ["FILES", "UNNOTED"]


@frozen
class _Instead:
    """What takes a file's place.

    Attributes:
        does: in words, about the file.
        make: lines of shell that put it at ``$file``, where nothing is any more.
        naming: what a reason must say that names it.
    """

    does: str
    make: str
    naming: str


_INSTEAD: Final = {
    "link": _Instead("is a link to a file of the machine", 'ln -s "$out/secret" "$file"', "link"),
    "link-to-code": _Instead(
        "is a link to a file of the machine that holds a 0",
        'ln -s "$out/exit_code" "$file"',
        "link",
    ),
    "dangling": _Instead(
        "is a link to what does not exist", 'ln -s "$out/empty/made" "$file"', "link"
    ),
    "loop": _Instead("is a link to itself", 'ln -s "$file" "$file"', "link"),
    "link-to-folder": _Instead(
        "is a link to a folder of the machine", 'ln -s "$out/folder" "$file"', "link"
    ),
    "link-to-pipe": _Instead(
        "is a link to a pipe of the machine", 'ln -s "$out/pipe" "$file"', "link"
    ),
    "hard-link": _Instead(
        "is another file, with a second name",
        'echo twice >"$spool/twin"; ln "$spool/twin" "$file"',
        "replaced|link",
    ),
    "pipe": _Instead("is a pipe without a reader", 'mkfifo "$file"', "pipe|fifo"),
    "zero": _Instead("is a device without an end", 'mknod -m 666 "$file" c 1 5', "device"),
    "terminal": _Instead("is a terminal", 'mknod -m 666 "$file" c 5 0', "device"),
    "socket": _Instead(
        "is a socket",
        "python3 -c 'import socket, sys, os; os.chdir(sys.argv[1]);"
        ' socket.socket(socket.AF_UNIX).bind(sys.argv[2])\' "$(dirname "$file")" "$(basename "$file")"',
        "socket",
    ),
    "folder": _Instead("is a folder", 'mkdir "$file"; echo x >"$file/x"', "folder|directory"),
    "removed": _Instead("is removed", ":", "removed|missing|gone|not there|no longer|deleted"),
    "unreadable": _Instead(
        "belongs to another user, and cannot be read",
        'echo mine >"$file"; chown 4242:4242 "$file"; chmod 0 "$file"',
        "replaced|permission",
    ),
}

UNNOTED: Final = "ended without a note of its end"
"""What is said of a command whose shell could not note its end."""

_OUTPUT: Final = ("stdout", "stderr")
_NOTED: Final = ("started", "exit_code")

_BLOCKS: Final = {("exit_code", "pipe"): {"timeout": "3s"}}
"""The shell around the command waits for a reader of the pipe into which it notes the exit code."""


def _expected(file: str, name: str, naming: str) -> Expectation:
    if (file, name) in _BLOCKS:
        return Fails(f"time limit|{naming}")
    if file in _OUTPUT and name != "unreadable":  # root may read it all the same
        return Fails(naming)
    return Either(Completes(), Fails(f"{naming}|{UNNOTED}"))


_ROWS: Final = tuple(
    Trick(
        name=f"{file}-{name}".replace("_", "-"),
        does=f"{file} {instead.does}",
        script=f'file=$mine/{file}; rm -rf "$file"; {instead.make}',
        expects=_expected(file, name, instead.naming),
        keys=_BLOCKS.get((file, name), {}),
    )
    for file in (*_OUTPUT, *_NOTED)
    for name, instead in _INSTEAD.items()
)

_TWINS: Final = tuple(
    Trick(
        name=f"{file}-second-name".replace("_", "-"),
        does=f"{file} has a second name",
        script=f'touch "$mine/{file}"; ln "$mine/{file}" "$spool/twin-of-{file}"',
        expects=Fails("second|link")
        if file in _OUTPUT
        else Either(Completes(), Fails(f"second|link|{UNNOTED}")),
    )
    for file in (*_OUTPUT, *_NOTED)
)

FILES: Final = (*_ROWS, *_TWINS)
