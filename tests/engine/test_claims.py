"""Claims: who owns what, when makers die and others take over."""

from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest
from attrs import evolve

from engine.ownership import leases
from engine.ownership.owner import Owner

HERE = Owner.current()
DEAD = evolve(HERE, started="1")
OTHER = evolve(
    HERE, pid=1, started=(Path("/proc/1/stat").read_text().rpartition(")")[2].split()[19])
)


@pytest.fixture
def labels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """What a dead controller has made carries these."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    return {**DEAD.labels(), **leases.new()}


def left(folder: Path) -> list[str]:
    return [found.name for found in folder.rglob("*") if found.is_file()]


def test_what_nobody_has_taken_over_is_its_makers(labels: dict[str, str], tmp_path: Path) -> None:
    assert leases.owner_of(labels) == DEAD
    assert leases.owner_of({}) is None
    assert left(tmp_path) == []


def test_what_a_dead_one_left_can_be_taken_over_once(labels: dict[str, str]) -> None:
    assert leases.take(HERE, labels)
    assert leases.owner_of(labels) == HERE
    assert leases.take(HERE, labels)
    assert not leases.take(OTHER, labels)
    assert leases.owner_of(labels) == HERE


def test_what_a_dead_one_had_taken_over_can_be_taken_over_again(labels: dict[str, str]) -> None:
    assert leases.take(evolve(DEAD, started="2"), labels)
    assert leases.take(OTHER, labels)
    assert leases.owner_of(labels) == OTHER


def test_what_a_living_one_made_cannot_be_taken_over(labels: dict[str, str]) -> None:
    assert not leases.take(HERE, {**labels, **OTHER.labels()})


def test_what_has_no_claim_cannot_be_taken_over(labels: dict[str, str]) -> None:
    assert not leases.take(HERE, DEAD.labels())
    assert not leases.take(HERE, {**labels, leases.CLAIM: "relative/path"})


@pytest.mark.parametrize(
    "named", ["notes.txt", "dockwarden/claims/notes.txt", "claims/" + "a" * 32, "/", "/\0"]
)
def test_what_a_label_names_is_only_touched_where_claims_lie(
    labels: dict[str, str], tmp_path: Path, named: str
) -> None:
    mine = tmp_path / named
    with suppress(OSError, ValueError):
        mine.parent.mkdir(parents=True, exist_ok=True)
        mine.write_text("mine")
    before = left(tmp_path)
    lured = {**labels, leases.CLAIM: str(mine)}
    assert leases.owner_of(lured) == DEAD
    assert not leases.take(HERE, lured)
    with leases.held(lured):
        assert left(tmp_path) == before
    leases.drop(lured)
    assert left(tmp_path) == before


@pytest.mark.parametrize(
    "content",
    [b"", b"[", b"[" * 9000, b"5", b'{"dockwarden.owner.pid": 5}', b"\xff", b'{"a": null}'],
)
def test_a_claim_that_says_nothing_sensible_is_none(labels: dict[str, str], content: bytes) -> None:
    file = Path(labels[leases.CLAIM])
    file.parent.mkdir(parents=True)
    file.write_bytes(content)
    assert leases.owner_of(labels) == DEAD
    assert leases.take(HERE, labels)
    assert leases.owner_of(labels) == HERE


def test_what_is_no_plain_file_is_no_claim_of_ours(labels: dict[str, str]) -> None:
    """Reading a pipe would wait for a writer."""
    file = Path(labels[leases.CLAIM])
    file.parent.mkdir(parents=True)
    os.mkfifo(file)
    owner = leases.owner_of(labels)
    assert owner is not None
    assert owner.alive


def test_of_many_at_once_one_gets_it(labels: dict[str, str]) -> None:
    """The many are one process here, so each stands for a controller by another name."""
    rivals = [evolve(HERE, host=f"{HERE.host}-{number}") for number in range(16)]
    begin = threading.Barrier(len(rivals))

    def rush(rival: Owner) -> bool:
        begin.wait()
        return leases.take(rival, labels)

    with ThreadPoolExecutor(len(rivals)) as pool:
        assert sum(pool.map(rush, rivals)) == 1


def test_nobody_takes_over_what_is_being_removed(labels: dict[str, str]) -> None:
    with ThreadPoolExecutor(1) as pool:
        with leases.held(labels), leases.held(labels):
            taking = pool.submit(leases.take, HERE, labels)
            assert leases.owner_of(labels) == DEAD
            assert not taking.done()
        assert taking.result()


def test_nothing_is_left_of_a_claim_that_is_dropped(labels: dict[str, str], tmp_path: Path) -> None:
    with leases.held(labels):
        pass
    assert leases.take(HERE, labels)
    leases.drop(labels)
    leases.drop(labels)
    assert left(tmp_path) == []


def test_what_cannot_be_read_belongs_to_somebody_that_may_live(
    labels: dict[str, str], tmp_path: Path
) -> None:
    Path(labels[leases.CLAIM]).mkdir(parents=True)  # root can read everything else
    owner = leases.owner_of(labels)
    assert owner is not None
    assert owner.alive
    assert "cannot be read" in str(owner)
    assert not leases.may_take(HERE, labels)


@pytest.mark.parametrize("written", ["", "null", "[]", "{", '{"dockwarden.owner.pid": "x"}'])
def test_a_claim_that_says_nothing_leaves_it_to_its_maker(
    labels: dict[str, str], written: str
) -> None:
    file = Path(labels[leases.CLAIM])
    file.parent.mkdir(parents=True)
    file.write_text(written)
    assert leases.owner_of(labels) == DEAD


def test_claims_that_dead_controllers_left_are_forgotten_and_no_others(
    labels: dict[str, str], tmp_path: Path
) -> None:
    kept, taken = ({**labels, **leases.new()} for _ in range(2))
    assert leases.take(evolve(DEAD, started="2"), labels)
    assert leases.take(HERE, kept)
    with leases.held(taken):
        names = {Path(taken[leases.CLAIM]).name, Path(kept[leases.CLAIM]).name}
        for cut_short in ("-lock", "-new"):
            (tmp_path / "dockwarden" / "claims" / f"killed{cut_short}").touch()
        leases.tidy()
        assert {name.removesuffix("-lock") for name in left(tmp_path)} == names
    assert left(tmp_path) == [Path(kept[leases.CLAIM]).name]
    assert leases.owner_of(labels) == DEAD
    assert leases.owner_of(kept) == HERE


def test_where_there_are_no_claims_there_is_nothing_to_forget(
    labels: dict[str, str], tmp_path: Path
) -> None:
    assert labels
    leases.tidy()
    assert left(tmp_path) == []


def test_of_many_who_are_to_make_something_one_may(labels: dict[str, str]) -> None:
    rivals = [evolve(HERE, host=f"{HERE.host}-{number}") for number in range(16)]
    begin = threading.Barrier(len(rivals))

    def rush(rival: Owner) -> Owner | None:
        begin.wait()
        return leases.reserve(rival, "engine/alpha")

    with ThreadPoolExecutor(len(rivals)) as pool:
        holders = list(pool.map(rush, rivals))
    (first,) = [rival for rival, holder in zip(rivals, holders, strict=True) if holder is None]
    assert {holder for holder in holders if holder is not None} == {first}


def test_what_is_reserved_is_given_back_by_its_owner_alone(
    labels: dict[str, str], tmp_path: Path
) -> None:
    assert leases.reserve(OTHER, "engine/alpha") is None
    assert leases.reserve(OTHER, "engine/alpha") is None
    assert leases.reserve(HERE, "engine/beta") is None
    leases.give_back(HERE, "engine/alpha")
    assert leases.reserve(HERE, "engine/alpha") == OTHER
    leases.give_back(OTHER, "engine/alpha")
    assert leases.reserve(HERE, "engine/alpha") is None
    for what in ("engine/alpha", "engine/beta", "nothing"):
        leases.give_back(HERE, what)
    assert left(tmp_path) == []


def test_what_a_dead_one_had_reserved_is_free(labels: dict[str, str], tmp_path: Path) -> None:
    assert leases.reserve(DEAD, "engine/alpha") is None
    assert leases.reserve(OTHER, "engine/alpha") is None
    assert leases.reserve(DEAD, "engine/beta") is None
    leases.tidy()
    assert leases.reserve(HERE, "engine/alpha") == OTHER
    assert leases.reserve(HERE, "engine/beta") is None


def test_where_no_claims_can_be_written_everything_is_free(
    labels: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "dockwarden").write_text("in the way")
    assert leases.reserve(OTHER, "engine/alpha") is None
    assert leases.reserve(HERE, "engine/alpha") is None
    leases.give_back(HERE, "engine/alpha")
