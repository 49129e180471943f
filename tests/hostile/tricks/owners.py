"""What a container that the user's own Compose made has put where it is noted who uses it."""

from __future__ import annotations

from typing import Final

from attrs import frozen

__all__ = ["OWNERS", "OwnerNote"]


@frozen
class OwnerNote:
    """A container that is taken over, and what it has in the place of the note.

    Attributes:
        does: in words.
        make: lines of shell; ``$owner`` is the note's path, in a folder that is there.
    """

    name: str
    does: str
    make: str

    @property
    def command(self) -> list[str]:
        """The argument vector of the container's main process; it makes ``/planted`` when all is in its place."""
        begin = "owner=/run/dockwarden/owner; mkdir -p /run/dockwarden"
        return ["sh", "-c", f"{begin}; {self.make}; touch /planted; exec sleep infinity"]


OWNERS: Final = (
    OwnerNote("list", "a list", "echo '[1, 2]' >$owner"),
    OwnerNote("number", "a number", "echo 5 >$owner"),
    OwnerNote("not-a-number", "what only some call JSON", "echo NaN >$owner"),
    OwnerNote("garbage", "no JSON", "printf '\\377\\000{' >$owner"),
    OwnerNote(
        "wrong-types",
        "values of other types",
        'echo \'{"dockwarden.owner.pid": 5, "dockwarden.owner.host": []}\' >$owner',
    ),
    OwnerNote(
        "long-number",
        "a process id of 5,000 digits",
        'python3 -c \'print("{\\"dockwarden.owner.pid\\": " + "9" * 5000 + "}")\' >$owner',
    ),
    OwnerNote("nested", "lists within lists", "python3 -c 'print(\"[\" * 5_000_000)' >$owner"),
    OwnerNote("sparse", "a file of 2 GB of holes", "truncate -s 2G $owner"),
    OwnerNote("link", "a link to a file of the container", "ln -s /etc/shadow $owner"),
    OwnerNote("link-outside", "a link to a file of the machine", 'ln -s "$out/secret" $owner'),
    OwnerNote("loop", "a link to itself", "ln -s $owner $owner"),
    OwnerNote("pipe", "a pipe", "mkfifo $owner"),
    OwnerNote("zero", "a device without an end", "mknod $owner c 1 5"),
    OwnerNote("folder", "a folder", "mkdir $owner"),
    OwnerNote(
        "place-link",
        "a link in place of the folder",
        "rmdir /run/dockwarden; ln -s / /run/dockwarden",
    ),
    OwnerNote(
        "place-file",
        "a file in place of the folder",
        "rmdir /run/dockwarden; touch /run/dockwarden",
    ),
    OwnerNote(
        "place-pipe",
        "a pipe in place of the folder",
        "rmdir /run/dockwarden; mkfifo /run/dockwarden",
    ),
)
