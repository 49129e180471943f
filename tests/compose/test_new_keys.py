"""The page says what happens to new keys."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.compose.differences import PAGE
from tests.compose.new_keys import KEYS, Key, outcome, page

REFUSED = {"models", "provider", "post_start", "pre_stop", "jobs", "use_api_socket"}


@pytest.fixture(scope="module")
def outcomes(
    compose_binary: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, tuple[str, str]]:
    folder = tmp_path_factory.mktemp("keys")
    return {key.name: outcome(key, compose_binary, folder) for key in KEYS}


@pytest.mark.parametrize("key", KEYS, ids=lambda key: key.name)
def test_what_is_refused_is_refused_by_whichever_reader(
    key: Key, outcomes: dict[str, tuple[str, str]]
) -> None:
    theirs, ours = outcomes[key.name]
    assert (theirs == "refused") == (key.name in REFUSED)
    assert ours == ("refused" if key.name == "include" else theirs)


def test_the_page_is_up_to_date(outcomes: dict[str, tuple[str, str]]) -> None:
    written = PAGE.read_text()
    assert written == page(written, outcomes), "write it again: python -m tests.compose.new_keys"
