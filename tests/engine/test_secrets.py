"""Which values are secret, and that nothing of them is left in a text."""

from __future__ import annotations

import json
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.util.redaction import HIDDEN, SHORTEST, Secrets, is_secret_name

LETTERS = st.characters(exclude_characters="\0")
VALUES = (
    st.text(LETTERS, min_size=SHORTEST, max_size=30)
    .map(str.strip)
    .filter(lambda v: len(v) >= SHORTEST)
)


@pytest.mark.parametrize(
    "name",
    [
        *("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "WANDB_API_KEY", "OPENAI_APIKEY", "DB_PASSWORD"),
        *("PGPASSWORD", "passwd", "AWS_SECRET_ACCESS_KEY", "client-secret", "GIT_CREDENTIALS"),
        *("REGISTRY_AUTH", "DB_PASS", "app.token", "SSH_KEY", "GITHUB_PAT"),
    ],
)
def test_a_name_that_tells(name: str) -> None:
    assert is_secret_name(name)


@pytest.mark.parametrize(
    "name",
    [
        *("", "PATH", "PWD", "MAX_TOKENS", "TOKENIZERS_PARALLELISM", "KEYBOARD", "MONKEY", "MODEL"),
        *("AUTHOR", "COMPASS", "SSH_AUTH_SOCK", "HF_TOKEN_PATH", "SECRET_FILE", "PATH_TO_MODEL"),
    ],
)
def test_a_name_that_does_not(name: str) -> None:
    assert not is_secret_name(name)


def test_a_marked_variable_is_secret_whatever_it_is_called() -> None:
    secrets = Secrets.of({"LAB": "building seven", "ROOM": "cellar"}, marked=["LAB"])
    assert secrets.hide("in building seven, cellar") == f"in {HIDDEN}, cellar"


def test_the_password_in_a_url_is_secret() -> None:
    secrets = Secrets.of({"DATABASE": "postgres://joe:correct-horse@db/x", "BAD": "http://[::"})
    assert secrets.hide("login with correct-horse at db") == f"login with {HIDDEN} at db"


def test_a_short_value_is_left_as_it_is() -> None:
    assert Secrets.of({"API_KEY": "x" * (SHORTEST - 1)}).hide("x" * 20) == "x" * 20


def test_each_line_of_a_key_is_secret() -> None:
    secrets = Secrets.of({"SSH_KEY": "first line\nsecond line\nend\n"})
    assert secrets.hide("> second line") == f"> {HIDDEN}"


def test_the_longer_of_two_goes_as_a_whole() -> None:
    secrets = Secrets.of({"A_TOKEN": "abcdef", "B_TOKEN": "abcdefghi"})
    assert secrets.hide("abcdefghi abcdef") == f"{HIDDEN} {HIDDEN}"


def test_they_do_not_show_themselves() -> None:
    assert "hush-hush" not in repr(Secrets.of({"TOKEN": "hush-hush"}))


@given(value=VALUES, before=st.text(), after=st.text())
def test_nothing_of_a_value_is_left(value: str, before: str, after: str) -> None:
    hidden = Secrets.of({"TOKEN": value}).hide(f"{before}{value}{after}")
    assert HIDDEN in hidden
    assert value not in hidden.replace(HIDDEN, "\0")


@given(value=VALUES)
def test_nothing_is_left_of_a_value_that_was_quoted(value: str) -> None:
    secrets = Secrets.of({"TOKEN": value})
    for shape in (
        json.dumps({"env": [value]}),
        repr([value]),
        quote(value, safe="", errors="replace"),
    ):
        assert value not in secrets.hide(shape).replace(HIDDEN, "\0")
        assert HIDDEN in secrets.hide(shape)
