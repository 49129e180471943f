"""Short forms to long ones, so that files can be merged and read by one set of rules.

What comes out has the shape that ``docker compose config`` prints: environment, labels and the like are
mappings, ports and volumes are lists of mappings. Only commands stay as they are (:mod:`.commands`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from engine.compose import units
from engine.compose.merge import AllGpus, Listed
from engine.compose.node import compose_error
from engine.compose.shortforms import device, ports, volume

__all__ = ["normalize"]


def normalize(data: dict[str, Any], file: str) -> dict[str, Any]:
    """The document with every short form written out.

    Raises:
        ComposeError: a short form cannot be read.
    """
    done = dict(data)
    for section, table in _SECTIONS.items():
        entries = data.get(section) or {}
        done[section] = {
            name: _entry(entry or {}, table, file, (section, name))
            for name, entry in entries.items()
        }
    return done


def _entry(
    entry: dict[str, Any], table: dict[str, Callable[[Any], Any]], file: str, path: tuple[str, ...]
) -> dict[str, Any]:
    done = {key: value for key, value in entry.items() if not key.startswith("x-")}
    for dotted, form in table.items():
        *outer, last = dotted.split(".")
        holder = done
        for key in outer:
            holder[key] = dict(holder[key]) if isinstance(holder.get(key), dict) else {}
            holder = holder[key]
        if holder.get(last) is not None:
            try:
                holder[last] = form(holder[last])
            except ValueError as error:
                raise compose_error(file, (*path, *dotted.split(".")), str(error)) from error
    return {key: value for key, value in done.items() if value != {} or key in entry}


def _pairs(value: Any) -> dict[str, str | None]:
    """A mapping, or a list of ``NAME=value``, as a mapping; a bare name has no value."""
    if isinstance(value, dict):
        return {key: None if inner is None else units.plain(inner) for key, inner in value.items()}
    split = [units.plain(entry).partition("=") for entry in value]
    return Listed({name: inner if equals else None for name, equals, inner in split})


def _variables(value: Any) -> dict[str, str | None]:
    """Environment variables, or arguments of a build."""
    found = _pairs(value)
    if isinstance(value, list):
        for name in found:
            if not name or name[-1].isspace():
                raise ValueError(
                    f"the variable's name {name!r} is empty or ends in a space; write NAME=value"
                )
    return found


def _filled(value: Any) -> dict[str, str]:
    filled = {key: inner or "" for key, inner in _pairs(value).items()}
    return Listed(filled) if isinstance(value, list) else filled


def _listed(value: Any) -> list[Any]:
    """One or many, as many; repeated entries once."""
    return list(dict.fromkeys(map(units.plain, value if isinstance(value, list) else [value])))


def _numbers(value: Any) -> list[str]:
    """A list of what may be whole numbers, as text."""
    return _listed([entry if isinstance(entry, str) else units.whole(entry) for entry in value])


def _build(value: Any) -> dict[str, Any]:
    build = {"context": value} if isinstance(value, str) else dict(value)
    forms: dict[str, Callable[[Any], Any]] = {
        "args": _variables,
        "labels": _filled,
        "extra_hosts": _hosts,
    }
    for key, form in forms.items():
        if build.get(key) is not None:
            build[key] = form(build[key])
    return build


def _env_files(value: Any) -> list[dict[str, Any]]:
    entries = value if isinstance(value, list) else [value]
    return [{"path": entry} if isinstance(entry, str) else dict(entry) for entry in entries]


def _dependencies(value: Any) -> dict[str, dict[str, Any]]:
    if isinstance(value, list):
        started = {"condition": "service_started", "required": True}
        return Listed({name: dict(started) for name in value})
    return dict(value)


def _networks(value: Any) -> dict[str, dict[str, Any]]:
    if isinstance(value, list):
        return Listed({name: {} for name in value})
    return {name: dict(attachment or {}) for name, attachment in value.items()}


def _hosts(value: Any) -> list[str]:
    """``host=address`` for each; the separator may be ``:``, and an address in brackets."""
    if isinstance(value, dict):
        pairs = [
            (host, address)
            for host, given in value.items()
            for address in (given if isinstance(given, list) else [given])
        ]
    else:
        pairs = [_host(entry) for entry in value]
    for host, _ in pairs:
        if not host or ":" in host:
            raise ValueError(f"{host!r} is not the name of a host; write host=address")
    return list(
        dict.fromkeys(f"{host}={_unbracketed(units.plain(address))}" for host, address in pairs)
    )


def _host(entry: str) -> tuple[str, str]:
    host, found, address = entry.partition("=" if "=" in entry else ":")
    if not found or not address:
        raise ValueError(f"{entry!r} has no address; write host=address")
    return host, address


def _unbracketed(address: str) -> str:
    return address[1:-1] if address.startswith("[") and address.endswith("]") else address


def _references(value: Any) -> list[dict[str, Any]]:
    return [{"source": entry} if isinstance(entry, str) else dict(entry) for entry in value]


def _gpus(value: Any) -> list[dict[str, Any]]:
    if isinstance(value, str):
        return AllGpus([{"count": -1}])
    return [dict(entry) for entry in value]


_SERVICE: dict[str, Callable[[Any], Any]] = {
    "annotations": _filled,
    "build": _build,
    "cap_add": _listed,
    "cap_drop": _listed,
    "configs": _references,
    "depends_on": _dependencies,
    "deploy.labels": _filled,
    "devices": lambda value: [device(entry) for entry in value],
    "dns": lambda value: [entry for entry in _listed(value) if entry],
    "dns_opt": _listed,
    "dns_search": _listed,
    "env_file": _env_files,
    "environment": _variables,
    "expose": _numbers,
    "extends": lambda value: {"service": value} if isinstance(value, str) else dict(value),
    "extra_hosts": _hosts,
    "gpus": _gpus,
    "group_add": _numbers,
    "label_file": _listed,
    "labels": _filled,
    "networks": _networks,
    "ports": lambda value: [port for entry in value for port in ports(entry)],
    "secrets": _references,
    "security_opt": _listed,
    "sysctls": _filled,
    "tmpfs": _listed,
    "volumes": lambda value: [volume(entry) for entry in value],
}
_LABELLED: dict[str, Callable[[Any], Any]] = {"labels": _filled, "driver_opts": _filled}
_SECTIONS = {"services": _SERVICE, "networks": _LABELLED, "volumes": _LABELLED}
