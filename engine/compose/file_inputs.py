"""Inputs of a service from files beside the compose file: variables, labels, a seccomp profile."""

from __future__ import annotations

import json
from pathlib import Path

from engine.compose import units
from engine.compose.context import Context
from engine.compose.environment import EnvFileError, read_env_file, read_raw_env_file
from engine.compose.node import Node

__all__ = ["environment", "labels", "security_options"]


def environment(node: Node, context: Context) -> dict[str, str | None]:
    """``env_file`` in its order, then ``environment``; a bare name takes the caller's value.

    As in Compose, a file may use the variables under ``environment``, and they win over its own there.
    """
    found: dict[str, str | None] = {}
    written = {
        key: context.lookup(key) if value is None else value
        for key, value in (node.get("environment").value or {}).items()
    }

    def outer(name: str) -> str | None:
        return written.get(name) if (value := context.lookup(name)) is None else value

    for entry in node.get("env_file").elements():
        form = entry.get("format").value
        if form not in (None, "", "raw"):
            raise entry.get("format").error(
                f"{form!r} is no format of Compose's; write raw, or nothing"
            )
        read = read_raw_env_file if form == "raw" else read_env_file
        required = entry.get("required").value is not False
        file = Path(context.resolve(entry.read(lambda value: units.text(value["path"]))))
        try:
            pairs = read(file, outer, found.get)
        except FileNotFoundError as error:
            if required:
                raise entry.error(
                    f"there is no env_file {file}; create it, or mark it 'required: false'"
                ) from error
        except EnvFileError as error:
            raise entry.error(str(error)) from error
        else:
            found |= {key: value for key, value in pairs.items() if value is not None}
    return found | written


def labels(node: Node, context: Context) -> dict[str, str]:
    """``label_file`` in its order, then ``labels``."""
    found: dict[str, str] = {}
    for entry in node.get("label_file").elements():
        file = Path(context.resolve(entry.read(units.text)))
        try:
            pairs = read_env_file(file, lambda _: None)
        except FileNotFoundError as error:
            raise entry.error(f"there is no label_file {file}; create it") from error
        except EnvFileError as error:
            raise entry.error(str(error)) from error
        found |= {key: value for key, value in pairs.items() if value is not None}
    return found | (node.get("labels").value or {})


def security_options(service: Node, context: Context) -> tuple[str, ...]:
    """The security options as the engine takes them: a seccomp profile with its content."""
    return tuple(_security_option(node, context) for node in service.get("security_opt").elements())


def _security_option(node: Node, context: Context) -> str:
    written = node.read(units.text)
    name, found, value = written.partition("=" if "=" in written else ":")
    if not found:
        if name == "no-new-privileges":
            return name
        raise node.error(f"{written!r} is not a security option; write name=value")
    if name == "seccomp" and value not in {"unconfined", "builtin"}:
        profile = Path(context.resolve(value))
        try:
            return f"seccomp={json.dumps(json.loads(profile.read_text('utf-8')), separators=(',', ':'))}"
        except (OSError, ValueError) as error:
            raise node.error(f"the seccomp profile {profile} cannot be read: {error}") from error
    return written
