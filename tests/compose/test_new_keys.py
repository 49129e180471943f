"""The page says of new keys what becomes of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.compose.differences import PAGE
from tests.compose.new_keys import KEYS, Key, outcome, page

REFUSED = {"models", "provider", "post_start", "pre_stop", "jobs", "use_api_socket"}


@pytest.mark.parametrize("key", KEYS, ids=lambda key: key.name)
def test_what_is_refused_is_refused_by_whichever_reader(
    key: Key, compose_binary: Path, tmp_path: Path
) -> None:
    theirs, ours = outcome(key, compose_binary, tmp_path)
    assert (theirs == "refused") == (key.name in REFUSED)
    assert ours == ("refused" if key.name == "include" else theirs)


def test_the_page_is_up_to_date(compose_binary: Path, tmp_path: Path) -> None:
    written = PAGE.read_text()
    assert written == page(written, compose_binary, tmp_path), (
        "write it again: python -m tests.compose.new_keys"
    )
