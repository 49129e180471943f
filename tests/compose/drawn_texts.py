"""Odd texts, for the places of a compose file whose text Compose reads in a special way."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Final

from attrs import frozen

__all__ = ["ODD_TEXTS", "OddText", "text"]

_COMMAND: Final = (*"a2 \\'\"nt>&(`#\t\n-é;", "$$")
_ENV_FILE: Final = (
    *("A", "B", "=", ":", " ", "\\", "'", '"', "n", "#", "\n", "x", "$", "$B", "{", "}", "export "),
    *("\t", ".", "0", "é", "\r\n", "[", "-", "$$", "\\$", "A=", "\nB="),
)
_RAW_FILE: Final = (*"AB= \\'\"n#x$\t\n\r\v0é-", "\u00a0", "\ufeff", "A=", "\nB=", "\r\n")
_DOT_ENV: Final = (*"AB=: \\'\"n#x{}\t.0é[-", "$B", "$$", "\\$", "${B", ":-", "\\n")
_SCALAR: Final = (*"109eE+-._xXobyn~:a", "true", ".5", "e1")
_SIZE: Final = tuple("102.e+-gkmib _t")
_INTERPOLATED: Final = (*"}$Bx {-?", "${", "$B", ":-", ":+", "NONE", "$$")
_VOLUME: Final = (*"/a:~- z", "./", "..", "ro", "/b", "//", ":ro")
_PORT: Final = (*"0123589:-./[]", "udp", "127.0.0.1", "::1", "/tcp", "80")
_DURATION: Final = (*"0123.-+ smhdwuµn", "ms", "1s")
_ADDRESS: Final = (*"ab:=.1[]- ", "1.1.1.1", "::1", "host-gateway")
_DEVICE: Final = (*"/:arwm=", "/dev/a", ".com/", "=all")
_NUMBER: Final = (*"0123.-+e_ x", "10")


@frozen
class OddText:
    """Where a text goes.

    Attributes:
        keys: of the service.
        content: of the file ``e@``; None for no such file.
        dot_env: lines of ``.env``.
    """

    keys: dict[str, str]
    content: str | None = None
    dot_env: str = ""


def text(pieces: tuple[str, ...], rng: random.Random, most: int = 9) -> str:
    return "".join(rng.choice(pieces) for _ in range(rng.randint(1, most)))


def _quoted(pieces: tuple[str, ...], rng: random.Random, most: int = 9) -> str:
    return json.dumps(text(pieces, rng, most), ensure_ascii=False)


def _file(pieces: tuple[str, ...], rng: random.Random) -> str:
    return text(pieces, rng) + rng.choice(["", "\n"])


def _one(key: str, pieces: tuple[str, ...], most: int, form: str) -> Callable[..., OddText]:
    """A key whose value is a form with a text in quotes in it."""
    return lambda rng: OddText({key: form.replace("TEXT", _quoted(pieces, rng, most))})


_RAW: Final = {"env_file": "[{path: e@, format: raw}]"}

ODD_TEXTS: Final[tuple[Callable[[random.Random], OddText], ...]] = (
    _one("command", _COMMAND, 9, "TEXT"),
    _one("mem_limit", _SIZE, 5, "TEXT"),
    _one("labels", _INTERPOLATED, 9, "{a: TEXT}"),
    _one("volumes", _VOLUME, 5, "[TEXT]"),
    _one("ports", _PORT, 6, "[TEXT]"),
    _one("expose", _PORT, 4, "[TEXT]"),
    _one("stop_grace_period", _DURATION, 4, "TEXT"),
    _one("extra_hosts", _ADDRESS, 4, "[TEXT]"),
    _one("devices", _DEVICE, 4, "[TEXT]"),
    _one("tmpfs", _VOLUME, 4, "[TEXT]"),
    _one("cpus", _NUMBER, 4, "TEXT"),
    _one("pids_limit", _NUMBER, 4, "TEXT"),
    _one("ulimits", _NUMBER, 4, "{a: TEXT}"),
    _one("restart", (*"no:3-a ", "always", "on-failure"), 3, "TEXT"),
    lambda rng: OddText({"environment": f"\n      A: {text(_SCALAR, rng, 6)}"}),
    lambda rng: OddText({"cpus": text(_NUMBER, rng, 4)}),
    lambda rng: OddText({"env_file": "e@"}, content=_file(_ENV_FILE, rng)),
    lambda rng: OddText({"env_file": "e@"}, content=_file(_ENV_FILE, rng)),
    lambda rng: OddText(_RAW, content=_file(_RAW_FILE, rng)),
    lambda rng: OddText({"label_file": "e@"}, content=_file(_ENV_FILE, rng)),
    lambda rng: OddText(
        {"environment": '["A=${V@-none}", V@]'}, dot_env=f"V@={text(_DOT_ENV, rng)}\n"
    ),
)
