"""The one-line forms of ports, volumes and devices."""

from __future__ import annotations

import functools
import posixpath
import re
from typing import Any

from engine.compose import units
from engine.compose.merge import merge

__all__ = ["device", "port_range", "ports", "volume"]

_PORT = re.compile(
    r"(?:(?:(?P<ip>\[[^\]]*\]|[^:\[\]]*):)?(?P<published>[^:/]*):)?(?P<target>[^:/]+)(?:/(?P<protocol>\w+))?"
)
_HIGHEST_PORT = 65_535
_PROTOCOLS = ("tcp", "udp", "sctp")
_VOLUME_OPTIONS: dict[str, dict[str, Any]] = {
    "ro": {"read_only": True},
    "rw": {"read_only": False},
    "nocopy": {"volume": {"nocopy": True}},
    **{label: {"bind": {"selinux": label}} for label in ("z", "Z")},
    **{
        mode: {"bind": {"propagation": mode}}
        for mode in ("shared", "rshared", "slave", "rslave", "private", "rprivate")
    },
}
_DEVICE_PARTS = 3


def port_range(written: str) -> tuple[int, int]:
    """The first and last of ``8000`` or ``8000-8005``.

    Raises:
        ValueError: it is neither.
    """
    first, dash, last = written.partition("-")
    low, high = (_port(first), _port(last if dash else first))
    if high < low:
        raise ValueError(f"the range {written} ends before it begins")
    return low, high


def _port(written: str) -> int:
    if not (written.isascii() and written.isdecimal() and int(written) <= _HIGHEST_PORT):
        raise ValueError(f"{written!r} is not a port; ports are 0 to {_HIGHEST_PORT}")
    return int(written)


def ports(value: Any) -> list[dict[str, Any]]:
    """The long forms of an entry of ``ports``: a number, ``[[ip:]published:]target[/protocol]``.

    Raises:
        ValueError: it is none of these.
    """
    if isinstance(value, dict):
        return [{"protocol": "tcp", **value}]
    written = value if isinstance(value, str) else str(units.whole(value))
    match = _PORT.fullmatch(written)
    if match is None:
        raise ValueError(
            f"{written!r} is not a port; write [[address:]published:]target[/protocol]"
        )
    protocol = (match["protocol"] or "tcp").lower()
    if protocol not in _PROTOCOLS:
        raise ValueError(f"{written!r}: the protocol is one of {', '.join(_PROTOCOLS)}")
    address = (match["ip"] or "").strip("[]")
    common = {"protocol": protocol} | ({"host_ip": address} if address else {})
    first, last = port_range(match["target"])
    count = last - first + 1
    published = _published(written, match["published"] or "", count)
    spread = [
        {"target": first + index, **common} | ({"published": on} if on else {})
        for index, on in enumerate(published)
    ]
    return sorted(spread, key=lambda entry: str(entry["target"]))  # as Compose orders them


def _published(written: str, published: str, count: int) -> list[str]:
    """The host's port for each of ``count`` targets."""
    if not published:
        return [""] * count
    first, last = port_range(published)
    if last - first + 1 == count:
        return [str(first + index) for index in range(count)]
    if count == 1:
        return [published]  # the engine picks one of the range
    raise ValueError(f"{written!r}: the two ranges differ in length")


def volume(value: Any) -> dict[str, Any]:
    """The long form of an entry of ``volumes``: ``[source:]target[:options]``.

    Raises:
        ValueError: it has no target, or too many parts.
    """
    if isinstance(value, dict):
        return dict(value)
    *first, _ = value.split(":")
    if any(len(part) == 1 and part.isalpha() for part in first):
        raise ValueError(
            f"{value!r} holds a path on a Windows drive for Compose; use more than one letter, or the"
            " long form"
        )
    source, colon, rest = value.partition(":")
    target, more, options = rest.partition(":")
    if not source or (colon and not target) or (more and not options) or ":" in options:
        raise ValueError(f"{value!r} is not a volume; write source:target[:options] or target")
    if not colon:
        return {"type": "volume", "target": _path(source), "volume": {}}
    is_path = source.startswith((".", "/", "~"))
    entry: dict[str, Any] = {
        "type": "bind" if is_path else "volume",
        "source": source,
        "target": _path(target),
    }
    # Other options (cached, delegated) have no effect, as in Compose.
    meant = (_VOLUME_OPTIONS.get(option, {}) for option in options.split(","))
    return functools.reduce(merge, meant, entry)


def _path(written: str) -> str:
    """A path in a container as Compose keeps it, so that ``/data/`` and ``/data`` are one."""
    path = posixpath.normpath(written)
    return path[1:] if path.startswith("//") else path


def device(value: Any) -> dict[str, Any]:
    """The long form of an entry of ``devices``: ``host[:container[:permissions]]``.

    Raises:
        ValueError: it has too many parts.
    """
    if isinstance(value, dict):
        return {"permissions": "rwm", **value}
    parts = value.split(":")
    if len(parts) > _DEVICE_PARTS or not parts[0]:
        raise ValueError(f"{value!r} is not a device; write host[:container[:permissions]]")
    host, container, permissions = (*parts, "", "")[:_DEVICE_PARTS]
    return {"source": host, "target": container or host, "permissions": permissions or "rwm"}
