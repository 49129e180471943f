"""Commands and entrypoints: lines to words.

Compose splits a line as a shell would, but runs no shell: it stops at the first unquoted ``;``, ``&``,
``|``, ``<`` or ``>``, and drops the rest without a word. So does this, and :func:`dropped` says what.
What only a shell can do, and Compose leaves as it is (``$(...)`` and backquotes), is refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from engine.compose import units

__all__ = ["dropped", "words"]

_PARTS: Final = re.compile(
    r"""
    (?P<space>[ \t\r\n]+)
    | (?P<operator>[;&|<>].*)
    | (?P<shell>[()`])
    | \\(?P<escaped>.)
    | '(?P<single>[^']*)'
    | "(?P<double>(?:\\.|[^"\\])*)"
    | (?P<plain>[^ \t\r\n;&|<>()`\\'"]+)
    """,
    re.DOTALL | re.VERBOSE,
)
_STREAM: Final = re.compile("[0-9]")
_ESCAPE: Final = re.compile(r"\\(.)", re.DOTALL)
_NAMED: Final = {"n": "\n", "t": "\t"}


def words(value: Any) -> tuple[str, ...]:
    """The words of a command.

    Raises:
        ValueError: a quote is not closed, or it takes a shell.
    """
    if isinstance(value, list):
        return tuple(units.plain(word) for word in value)
    done: list[str] = []
    word: str | None = None
    for part in _parts(value):
        kind, text = str(part.lastgroup), part[str(part.lastgroup)]
        if kind == "shell":
            raise ValueError(
                f"{value!r} holds {text!r}, which takes a shell, and none runs the line; write"
                ' ["sh", "-c", "..."], or put it in quotes'
            )
        if kind == "operator":
            # As Compose does: digits before > are the number of a stream, as in 2>&1, and no word.
            if text.startswith(">") and _STREAM.match(word or ""):
                _check_number(value, word or "")
                word = None
            break
        if kind == "space":
            done += [] if word is None else [word]
            word = None
        else:
            word = (word or "") + (text if kind in {"single", "plain"} else _unescaped(kind, text))
    return tuple(done if word is None else [*done, word])


def _check_number(line: str, word: str) -> None:
    """Check that a word is the number of a stream, and not one that only some versions of Compose drop.

    Raises:
        ValueError: it begins with a digit, and has more than digits.
    """
    if not re.fullmatch("[0-9]+", word):
        raise ValueError(
            f"{line!r} has {word!r} right before >: Compose 5.3 drops that word, and later versions"
            " keep it; write a space before >, or the command as a list"
        )


def dropped(value: Any) -> str:
    """The end of a command line that Compose does not run; empty if there is none."""
    if not isinstance(value, str):
        return ""
    return next((part["operator"] for part in _parts(value) if part["operator"]), "")


def _parts(line: str) -> Iterator[re.Match[str]]:
    """The parts of a line, one after another.

    Raises:
        ValueError: a quote is not closed, or nothing follows a backslash.
    """
    at = 0
    while at < len(line):
        part = _PARTS.match(line, at)
        if part is None:
            raise ValueError(f"{line!r} cannot be split into words; check the quotes")
        yield part
        at = part.end()


def _unescaped(kind: str, text: str) -> str:
    """A text without its backslashes; the names of a line break and a tab are those."""
    if kind == "escaped":
        return _NAMED.get(text, text)
    return _ESCAPE.sub(lambda found: _NAMED.get(found[1], found[1]), text)
