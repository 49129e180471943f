"""Keeping secret values out of everything that is written and said: records, journal, logs, errors.

Secret is the value of a variable whose name says so (``HF_TOKEN``, ``WANDB_API_KEY``, ``PGPASSWORD``), or
which the user marks, and the password in a variable's URL. A value shorter than :data:`SHORTEST` is left
as it is: it could be any word.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, Final, Self
from urllib.parse import quote, urlsplit

from attrs import field, frozen

__all__ = ["HIDDEN", "SHORTEST", "Secrets", "is_secret_name", "masked"]

HIDDEN: Final = "***"
"""The text in place of a secret."""

SHORTEST: Final = 6
"""So many characters a value must have to be kept secret."""

_WORDS: Final = frozenset(
    {"AUTH", "CREDENTIAL", "CREDENTIALS", "KEY", "KEYS", "PASS", "PASSPHRASE", "PAT", "SECRETS"}
)
_ENDINGS: Final = ("APIKEY", "PASSWD", "PASSWORD", "SECRET", "TOKEN")
"""Endings that mark a word of a name as secret too: ``PGPASSWORD``."""

_PLACES: Final = frozenset({"DIR", "FILE", "PATH", "SOCK"})
"""The last words of names that say where a secret lies, and not what it is."""


def is_secret_name(name: str) -> bool:
    """Whether a variable's name says that its value is a secret."""
    words = [word for word in re.split(r"[^A-Z0-9]+", name.upper()) if word]
    if not words or words[-1] in _PLACES:
        return False
    return any(word in _WORDS or word.endswith(_ENDINGS) for word in words)


@frozen
class Secrets:
    """Values that must not be seen."""

    _values: frozenset[str] = field(default=frozenset(), repr=False)
    _texts: tuple[str, ...] = field(init=False, repr=False, eq=False)
    _pattern: re.Pattern[str] | None = field(init=False, repr=False, eq=False)

    @_texts.default
    def _longest_first(self) -> tuple[str, ...]:  # where one is part of another
        texts = {text for value in self._values for text in _shapes(value)}
        return tuple(sorted(texts, key=len, reverse=True))

    @_pattern.default
    def _any_of_them(self) -> re.Pattern[str] | None:
        return re.compile("|".join(map(re.escape, self._texts))) if self._texts else None

    @property
    def longest(self) -> int:
        """How many characters the longest text has that may have to be hidden."""
        return len(self._texts[0]) if self._texts else 0

    @classmethod
    def of(cls, *environments: Mapping[str, str], marked: Iterable[str] = ()) -> Self:
        """The secrets among variables.

        Args:
            environments: variables and their values.
            marked: the names of those that are secret regardless of their names.
        """
        names = frozenset(marked)
        return cls(
            frozenset(
                value
                for environment in environments
                for name, written in environment.items()
                for value in _secret_in(name, written, names)
                if len(value) >= SHORTEST
            )
        )

    def __or__(self, other: Secrets) -> Secrets:
        """These and those."""
        return self if other._values <= self._values else Secrets(self._values | other._values)

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self._texts)

    def hide(self, text: str) -> str:
        """The text without any of them."""
        return text if self._pattern is None else self._pattern.sub(HIDDEN, text)

    def hide_all(self, texts: Iterable[str]) -> tuple[str, ...]:
        """Texts without any of them."""
        return tuple(self.hide(text) for text in texts)

    def hide_within(self, value: Any) -> Any:
        """Plain data without any of them in its texts; the names in it stay as they are."""
        if isinstance(value, str):
            return self.hide(value)
        if isinstance(value, Mapping):
            return {name: self.hide_within(inner) for name, inner in value.items()}
        if isinstance(value, list | tuple):
            return [self.hide_within(inner) for inner in value]
        return value


def _secret_in(name: str, value: str, marked: frozenset[str]) -> Iterator[str]:
    """Yield the secret parts of a variable's value."""
    if name in marked or is_secret_name(name):
        yield value.strip()
    elif password := _password(value):
        yield password


def _password(value: str) -> str | None:
    """The password in a URL; None where there is none."""
    try:
        return urlsplit(value).password
    except ValueError:
        return None


def _shapes(value: str) -> Iterator[str]:
    """How a value may turn up: as it is, quoted by JSON, Python or a URL, or a line of it alone."""
    yield value
    yield json.dumps(value)[1:-1]
    yield json.dumps(value, ensure_ascii=False)[1:-1]
    yield repr(value)[1:-1]
    yield quote(value, safe="", errors="replace")
    lines = [line.strip() for line in value.splitlines()]
    yield from (line for line in lines if len(line) >= SHORTEST)


def masked(environment: Mapping[str, str], marked: Collection[str] = ()) -> dict[str, str]:
    """Variables without the secret ones among their values, however short these are.

    Args:
        marked: variables whose values are secret, regardless of their names.
    """
    secrets = Secrets.of(environment, marked=marked)
    return {
        name: HIDDEN if name in marked or is_secret_name(name) else secrets.hide(value)
        for name, value in environment.items()
    }
