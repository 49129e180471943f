"""``dockwarden reap``: remove what dead controllers left behind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click

from engine.cli.exit_codes import DONE
from engine.cli.output.messages import show
from engine.util.printable import printable

if TYPE_CHECKING:
    from engine.runtimes.resource import Resource

__all__ = ["reap"]

_GRACE_S: Final = 10.0


@click.command()
@click.option("--dry-run", is_flag=True, help="List what would be removed, and touch nothing.")
def reap(*, dry_run: bool) -> int:
    """Remove the containers, networks and processes of dockwardens that have died, of all projects.

    What belongs to a dockwarden that runs, or may run on another machine, is left alone, and so is
    what does not say whose it is. Named volumes stay.

    \b
    Example:
      dockwarden reap --dry-run
    """
    from engine.runtimes import inventory

    listed = inventory.take()
    orphans = [one for one in listed.found if one.orphaned]
    if not dry_run:
        inventory.remove_all(orphans, project=None, grace_s=_GRACE_S)
    for one in orphans:
        verb = "would remove" if dry_run else "removed"
        show(printable(f"{verb} {_name(one)}, which {one.owner} left behind"))
    for one in listed.found:
        if not one.orphaned:
            show(printable(f"left alone: {_name(one)} {_whose(one)}"))
    listed.confess()
    if not orphans:
        show("no dead dockwarden has left anything")
    return DONE


def _name(one: Resource) -> str:
    return f"{one.kind} {one.name} (project {one.project})"


def _whose(one: Resource) -> str:
    from engine.ownership.owner import Owner

    if one.foreign:
        return f"is not dockwarden's: {one.foreign}"
    if one.owner is None:
        return "does not say whose it is; dockwarden down removes it"
    if one.owner.host == Owner.current().host:
        return f"belongs to {one.owner}, which runs"
    return f"belongs to {one.owner}, which cannot be checked from here"
