"""To whom a process belongs, by ancestry, session and age."""

from __future__ import annotations

from engine.runtimes.process_ownership import Belongs, Init, Seen, left_by, of_service

INIT, SERVER = Seen(1, 0, 1, 0.0), Seen(2, 1, 1, 0.0)
REAPER, BUSY = Init(1, mere=True), Init(1, mere=False)
BEFORE = {1: 0.0, 2: 0.0}


def left(*others: Seen, init: Init | None = REAPER, strangers: set[int] | None = None) -> object:
    present = {one.pid: one for one in (INIT, SERVER, *others)}
    return left_by(present, BEFORE, init, strangers or set())


def test_what_was_there_before_is_the_service_s() -> None:
    assert left() == {}


def test_a_descendant_of_the_service_s_is_its_own_whatever_its_session() -> None:
    assert left(Seen(5, 2, 5, 9.0), Seen(6, 5, 6, 9.0)) == {}


def test_an_orphan_in_a_session_of_the_service_s_is_its_own() -> None:
    assert left(Seen(5, 1, 1, 9.0)) == {}


def test_an_orphan_in_a_session_that_a_worker_of_the_service_s_founded_is_its_own() -> None:
    assert left(Seen(5, 2, 5, 9.0), Seen(6, 1, 5, 9.0)) == {}


def test_an_orphan_in_another_session_was_left_and_all_below_it() -> None:
    assert left(Seen(5, 1, 5, 9.0), Seen(6, 5, 5, 9.0)) == {5: Belongs.SURELY, 6: Belongs.SURELY}


def test_where_a_server_takes_in_orphans_it_is_not_certain() -> None:
    assert left(Seen(5, 1, 5, 9.0), init=BUSY) == {5: Belongs.PERHAPS}


def test_a_pid_that_was_given_away_meanwhile_is_another_process() -> None:
    present = {1: INIT, 2: Seen(2, 1, 2, 9.0)}
    assert left_by(present, BEFORE, REAPER) == {2: Belongs.SURELY}


def test_what_others_run_beside_it_and_all_below_is_theirs() -> None:
    assert left(Seen(5, 0, 5, 9.0), Seen(6, 5, 6, 9.0), strangers={5}) == {}


def test_without_an_init_what_has_its_parent_outside_was_left() -> None:
    assert left(Seen(5, 0, 5, 9.0), init=None) == {5: Belongs.SURELY}


def own(*others: Seen, init: Init | None = REAPER) -> frozenset[int]:
    present = {one.pid: one for one in (INIT, SERVER, *others)}
    return of_service(present, 1, init)


def test_a_service_is_its_main_process_and_all_that_descends_from_it() -> None:
    assert own(Seen(5, 2, 5, 9.0), Seen(6, 5, 6, 9.0)) == {1, 2, 5, 6}


def test_what_was_started_from_outside_is_not_of_it() -> None:
    assert own(Seen(5, 0, 5, 9.0), Seen(6, 5, 5, 9.0)) == {1, 2}


def test_nor_is_an_orphan_that_a_mere_init_took_in() -> None:
    assert own(Seen(5, 1, 5, 9.0), Seen(6, 5, 5, 9.0)) == {1, 2}


def test_the_first_child_of_an_init_is_of_it_in_whatever_session() -> None:
    present = {1: INIT, 2: Seen(2, 1, 2, 0.1), 5: Seen(5, 1, 5, 9.0), 6: Seen(6, 1, 2, 9.0)}
    assert of_service(present, 1, REAPER) == {1, 2, 6}


def test_what_a_server_has_taken_in_counts_as_its_own() -> None:
    assert own(Seen(5, 1, 5, 9.0), init=BUSY) == {1, 2, 5}


def test_a_service_that_has_ended_has_nothing() -> None:
    assert of_service({5: Seen(5, 0, 5, 9.0)}, 1, REAPER) == frozenset()
