"""``dockwarden completion``: what teaches a shell to complete dockwarden's commands."""

from __future__ import annotations

from typing import Final

import click
from click.shell_completion import get_completion_class

from engine.cli.exit_codes import DONE
from engine.cli.output.messages import document

__all__ = ["completion"]

_SHELLS: Final = ("bash", "zsh", "fish")


@click.command()
@click.argument("shell", type=click.Choice(_SHELLS))
def completion(shell: str) -> int:
    """Print a script with which SHELL completes dockwarden's commands.

    \b
    Example:
      dockwarden completion bash >> ~/.bashrc
    """
    kind = get_completion_class(shell)
    assert kind is not None, shell
    root = click.get_current_context().find_root().command
    document(kind(root, {}, "dockwarden", "_DOCKWARDEN_COMPLETE").source())
    return DONE
