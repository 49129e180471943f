"""Several documents to one model, by Compose's rules.

Mappings are merged and lists joined; a command, an entrypoint, a health check's test and a limit are
replaced as a whole. Entries of a list that mean the same thing (a port, a mount point, a device) are
kept once, and the later one counts. Everything is in its long form here (:mod:`.normalize`).
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any

from engine.compose.node import KeyPath

__all__ = ["AllGpus", "Listed", "MergeError", "merge", "without", "without_empty"]

Identity = Callable[[Any], Hashable]


class MergeError(ValueError):
    """One document cannot be laid over another as Compose does it.

    Attributes:
        path: the key.
    """

    def __init__(self, path: KeyPath, reason: str) -> None:
        super().__init__(reason)
        self.path = path


class Listed(dict[str, Any]):
    """A mapping that is a list of ``NAME=value`` for Compose, which finds none of its keys there."""

    __slots__ = ()


class AllGpus(list[Any]):
    """``gpus: all``, in its long form."""

    __slots__ = ()


_REPLACED = frozenset(
    {
        "services.*.command",
        "services.*.entrypoint",
        "services.*.healthcheck.test",
        "services.*.ulimits.*",
    }
)
_SUBNETS = "networks.*.ipam.config"
_REQUESTS = frozenset({"services.*.deploy.resources.reservations.devices", "services.*.gpus"})
_EXTERNALS = frozenset({"networks.*", "volumes.*"})
_BY_KIND = "services.*.logging"  # merged unless both name a driver, and not the same
_WITH_NONE = frozenset(  # a key without a value replaces one: by the caller's, or by an empty text
    {
        "networks.*.labels",
        "services.*.annotations",
        "services.*.build.args",
        "services.*.build.labels",
        "services.*.deploy.labels",
        "services.*.environment",
        "services.*.labels",
        "services.*.sysctls",
        "volumes.*.labels",
    }
)
_NOT_EMPTY = frozenset({_BY_KIND, "services.*.ulimits.*"})  # an error in Compose too
_CLEARED = frozenset({"services.*.command", "services.*.entrypoint"})  # None: the image's own


def _port(entry: dict[str, Any]) -> Hashable:
    return tuple(str(entry.get(key, "")) for key in ("host_ip", "target", "published", "protocol"))


def _file_in(folder: str) -> Identity:
    return lambda entry: str(entry.get("target") or f"{folder}/{entry.get('source')}")


def _target(entry: Any) -> Hashable:
    return (
        str(entry.get("target") or entry.get("source")) if isinstance(entry, dict) else str(entry)
    )


_IDENTITIES: dict[str, Identity] = {
    "services.*.configs": _file_in(""),
    "services.*.devices": _target,
    "services.*.env_file": lambda entry: str(entry["path"]),
    "services.*.ports": _port,
    "services.*.secrets": _file_in("/run/secrets"),
    "services.*.volumes": _target,
}


def merge(base: Any, over: Any, path: KeyPath = ()) -> Any:
    """One value laid over another; neither is changed."""
    rule = _pattern(path)
    if base is not None and over is not None:
        _check_lists(base, over, path, rule)
    if over is None:
        return None if rule in _CLEARED else base
    if isinstance(over, AllGpus):
        return over
    if base is None:
        base = type(over)() if isinstance(over, dict | list) else None
    if rule in _EXTERNALS:
        _check_external(base, over, path)
    if isinstance(base, dict) and isinstance(over, dict) and rule not in _REPLACED:
        drivers = {each["driver"] for each in (base, over) if each.get("driver") is not None}
        if rule == _BY_KIND and len(drivers) > 1:
            return over
        if rule in _WITH_NONE:
            return Listed(base | over) if base or isinstance(base, Listed) else over
        return {
            key: merge(base.get(key), over[key], (*path, key)) if key in over else base[key]
            for key in dict.fromkeys((*base, *over))
        }
    if isinstance(base, list) and isinstance(over, list) and rule not in _REPLACED:
        return _once([*base, *over], _IDENTITIES.get(rule))
    return over


def _request(entry: dict[str, Any]) -> dict[str, Any]:
    """A request for devices, whose count may be left out or written in two ways for all."""
    count = str(entry.get("count", "all")).lower()
    return entry | {"count": "all" if count == "-1" else count}


def _check_external(base: Any, over: Any, path: KeyPath) -> None:
    """Refuse ``external: {name: ...}`` beside another file's ``external`` or ``name``.

    Compose takes the name out of each file first. Then it keeps it, replaces it or finds a conflict, by the order.
    """
    for one, other in ((base, over), (over, base)):
        if isinstance(one.get("external"), dict) and other.keys() & {"external", "name"}:
            remedy = "write external: true, and the name under name"
            reason = "Compose merges external.name by special rules"
            raise MergeError((*path, "external"), f"{reason}; {remedy}")


def _check_lists(base: Any, over: Any, path: KeyPath, rule: str) -> None:
    """Refuse two lists that Compose merges in a way that is not worth following."""
    remedy = "write it once, or put !override before the later one"
    if rule == _SUBNETS and base and over:
        reason = "Compose merges the subnets of two files by special rules"
        raise MergeError(path, f"{reason}; {remedy}")
    if isinstance(base, AllGpus) or isinstance(over, AllGpus):
        reason = "Compose refuses to merge 'all', or does it by special rules"
        raise MergeError(path, f"{reason}; {remedy}")
    if rule in _REQUESTS and any(one in map(_request, base) for one in map(_request, over)):
        reason = (
            "Compose 5.3 keeps a request that is written twice, and later versions one of the two"
        )
        raise MergeError(path, f"{reason}; {remedy}")


def without(data: Any, paths: Sequence[KeyPath]) -> Any:
    """The model without these keys; where a path leads nowhere, nothing happens.

    Raises:
        MergeError: a path leads into a list, in which Compose does not find the key.
    """
    for path in paths:
        data = _without(data, path, path)
    return data


def without_empty(over: Any, base: Any, path: KeyPath = ()) -> Any:
    """A later document without the keys that have nothing in them and a value in an earlier one.

    Compose leaves that value as it is, for any kind of value; but see :func:`merge`.
    """
    rule = _pattern(path)
    if not (isinstance(over, dict) and isinstance(base, dict)) or rule in _WITH_NONE:
        return over
    return {
        key: without_empty(value, base.get(key), (*path, key))
        for key, value in over.items()
        if not _is_left_out(value, base.get(key), _pattern((*path, key)))
    }


def _is_left_out(value: Any, base: Any, rule: str) -> bool:
    return value is None and base is not None and rule not in (_CLEARED | _NOT_EMPTY)


def _without(data: Any, path: KeyPath, whole: KeyPath) -> Any:
    if not path or not isinstance(data, dict | list):
        return data
    head, *rest = path
    if isinstance(head, str) and (
        isinstance(data, list) or (isinstance(data, Listed) and head in data)
    ):
        said = "Compose takes no single entry out of what was written as a list, or merged; put !override before"
        raise MergeError(whole, f"{said} the whole of it, and write out what stays")
    if isinstance(data, list) or head not in data:
        return data
    if not rest:
        return {key: value for key, value in data.items() if key != head}
    return {**data, head: _without(data[head], tuple(rest), whole)}


def _once(entries: list[Any], identity: Identity | None) -> list[Any]:
    """Each entry at the place where it first came, as it was last written."""
    same = identity or (lambda entry: str(entry) if isinstance(entry, str) else id(entry))
    return list({same(entry): entry for entry in entries}.values())


def _pattern(path: KeyPath) -> str:
    starred = {1, 3} if len(path) > 3 and path[2] == "ulimits" else {1}  # noqa: PLR2004
    return ".".join("*" if index in starred else str(part) for index, part in enumerate(path))
