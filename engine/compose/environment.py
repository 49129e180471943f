r"""The sources of variables: the process, ``.env``, and the files under ``env_file``.

The files are in Compose's own dialect: ``NAME=value`` or ``NAME: value`` on each line, a comment after
``#`` at the start of a line or after a space, quotes of both kinds that may span lines. Single quotes
keep everything; elsewhere variables are put in. A variable may use those above it, and the process wins
over the file. An entry that Compose reads as something the author is unlikely to mean is refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NoReturn

from attrs import frozen, mutable

from engine.compose.interpolation import InterpolationError, Lookup, substitute

__all__ = ["EnvFileError", "read_env_file", "read_raw_env_file"]

_SPACES: Final = " \t\v\f\r\x85\xa0"
_TRAILING: Final = (
    _SPACES
    + "\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000"
)
_EXPORT: Final = re.compile(rf"export[{_SPACES}]+")
_NAME: Final = re.compile(r"[\w.\-\[\]]+")
_NAME_END: Final = re.compile(r"[=:\n]")
_COMMENT: Final = re.compile(r"[^\n]*")
_QUOTED: Final = {
    quote: re.compile(rf"((?:\\.|[^\\{quote}])*){quote}", re.DOTALL) for quote in "'\""
}
_ESCAPE: Final = re.compile(r"\\(.)", re.DOTALL)
_ESCAPES: Final = {
    "a": "\a",
    "b": "\b",
    "f": "\f",
    "n": "\n",
    "r": "\r",
    "t": "\t",
    "v": "\v",
    '"': '"',
    "\\": "\\",
    "$": "$$",
}


class EnvFileError(ValueError):
    """An environment file cannot be read; the message names it."""


@frozen
class _Entry:
    """One entry of a file.

    Attributes:
        value: None for a name alone; variables have not been put in.
        is_literal: whether no variables are put in.
    """

    name: str
    value: str | None
    line: int
    is_literal: bool = False


def read_env_file(
    file: Path, outer: Lookup, earlier: Lookup = lambda _: None
) -> dict[str, str | None]:
    """Read an environment file.

    Args:
        file: where it is.
        outer: the variables that its own values may use, and that win over those in it there.
        earlier: those of the files before it, which its own win over.

    Returns:
        the variables; None for one that is named without a value.

    Raises:
        EnvFileError: it cannot be read.
        FileNotFoundError: it is not there.
    """
    found: dict[str, str | None] = {}

    def lookup(name: str) -> str | None:
        return _first_of(name, outer, found.get, earlier)

    for entry in _Scanner(file, _text(file)).entries():
        try:
            found[entry.name] = _filled_in(entry, lookup)
        except InterpolationError as error:
            raise EnvFileError(f"{file}, line {entry.line}: {error}") from error
    return found


def _first_of(name: str, *lookups: Lookup) -> str | None:
    return next((value for lookup in lookups if (value := lookup(name)) is not None), None)


def _filled_in(entry: _Entry, lookup: Lookup) -> str | None:
    if entry.value is None:
        return lookup(entry.name)
    return entry.value if entry.is_literal else substitute(entry.value, lookup)


def read_raw_env_file(
    file: Path, outer: Lookup, earlier: Lookup = lambda _: None
) -> dict[str, str | None]:
    """Read a file of ``NAME=value`` lines in which nothing has a meaning (``format: raw``).

    Args and errors: as for :func:`read_env_file`; only a name without a value takes another's.
    """
    found: dict[str, str | None] = {}
    for number, line in enumerate(_text(file).split("\n"), 1):
        entry = line.removesuffix("\r").lstrip(_TRAILING)
        if not entry or entry.startswith("#"):
            continue
        name, equals, value = entry.partition("=")
        if not name or not set(name).isdisjoint(_TRAILING):
            raise EnvFileError(f"{file}, line {number}: a name is empty, or has a space in it")
        known = value if equals else _first_of(name, outer, earlier)
        if known is not None:
            found[name] = known
    return found


@mutable
class _Scanner:
    """Goes through the text of a file once. No message quotes a value, since it may be secret."""

    file: Path
    text: str
    at: int = 0

    def entries(self) -> Iterator[_Entry]:
        while self._skip_to_entry():
            yield self._entry()

    def _skip_to_entry(self) -> bool:
        """Go past empty lines and comments; whether anything follows."""
        while self.at < len(self.text):
            if self.text[self.at] == "#":
                self._take(_COMMENT)
            elif self.text[self.at] in f"\n{_SPACES}":
                self.at += 1
            else:
                return True
        return False

    def _entry(self) -> _Entry:
        line = self.text.count("\n", 0, self.at) + 1
        if export := _EXPORT.match(self.text, self.at):
            self.at = export.end()
        end = _NAME_END.search(self.text, self.at)
        if end is None:
            self._refuse(line, "a name alone in the last line needs a line break after it")
        name = self.text[self.at : end.start()].rstrip(_SPACES)
        if not _NAME.fullmatch(name):
            self._refuse(line, "it is not NAME=value; quote or correct it")
        self.at = end.end()
        if end.group() == "\n":
            return _Entry(name, None, line)
        while self.text[self.at : self.at + 1] and self.text[self.at] in _SPACES:
            self.at += 1
        quote = self.text[self.at : self.at + 1]
        if quote and quote in _QUOTED:
            return self._quoted(name, quote, line)
        value = self._take(_COMMENT).partition(" #")[0].rstrip(_TRAILING)
        return _Entry(name, value, line)

    def _quoted(self, name: str, quote: str, line: int) -> _Entry:
        match = _QUOTED[quote].match(self.text, self.at + 1)
        if match is None:
            self._refuse(line, f"it has no closing {quote}; add it")
        self.at = match.end()
        rest = self.text[self.at :].partition("\n")[0].strip(_SPACES)
        if rest and not rest.startswith("#"):
            self._refuse(
                line, "something follows its closing quote; put each variable on its own line"
            )
        if quote == "'":
            return _Entry(name, match[1].replace("\\'", "'"), line, is_literal=True)
        if re.search(r"(?<!\\)(?:\\\\)*\\0", match[1]):
            self._refuse(line, "it has an octal escape; write the character itself")
        value = _ESCAPE.sub(lambda found: _ESCAPES.get(found[1], found.group()), match[1])
        return _Entry(name, value, line)

    def _take(self, pattern: re.Pattern[str]) -> str:
        match = pattern.match(self.text, self.at)
        taken = match.group() if match else ""
        self.at += len(taken)
        return taken

    def _refuse(self, line: int, reason: str) -> NoReturn:
        raise EnvFileError(f"{self.file}, line {line}: {reason}")


def _text(file: Path) -> str:
    try:
        return file.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        raise
    except UnicodeDecodeError as error:
        raise EnvFileError(f"{file} is not UTF-8 text") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise EnvFileError(f"{file} cannot be read: {reason}") from error
