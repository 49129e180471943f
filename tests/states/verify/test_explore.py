"""The explorer, on models small enough to be seen through."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pytest
from attrs import frozen

from states.verify.explore import Invariant, Kind, Line, Move, Path, explore, path_to
from states.verify.liveness import Ends, Liveness, unmet

NO_NINE = Invariant("no_nine", "Nine is never reached.", lambda: True)


@frozen
class Steps:
    """States are numbers; what follows each is given."""

    onward: Mapping[int, tuple[int, ...]]
    initial: int = 0
    begins: str = "0"

    def moves(self, state: int) -> Iterator[tuple[Move, int]]:
        for after in self.onward.get(state, ()):
            breaks = NO_NINE if after == 9 else None
            yield Move("a user", "", f"goes to {after}", Kind.DUE, breaks), after

    def tell(self, path: Path[int]) -> list[Line]:
        return [Line(move.who, "", move.what, str(after)) for _, move, after in path]


def ends(where: Ends, *good: int) -> Liveness[int]:
    return Liveness("ends", "It ends.", lambda _: True, lambda _: True, good.__contains__, where)


def walk(path: Path[int]) -> list[int]:
    return [after for _, _, after in path]


def test_everything_that_can_be_reached_is_found() -> None:
    found = explore(Steps({0: (1, 2), 1: (3,), 2: (3,), 4: (5,)}))
    assert set(found.parents) == {0, 1, 2, 3}
    assert found.edges == 4
    assert found.broken is None


def test_the_shortest_way_to_a_broken_invariant_is_found() -> None:
    found = explore(Steps({0: (1, 2), 1: (3,), 3: (9,), 2: (9,)}))
    assert found.broken is not None
    invariant, path = found.broken
    assert (invariant, walk(path)) == (NO_NINE, [2, 9])


def test_a_move_that_breaks_is_found_where_its_state_is_known_already() -> None:
    found = explore(Steps({0: (1,), 1: (0, 9), 9: (0,)}))
    assert found.broken is not None
    assert walk(found.broken[1]) == [1, 9]


def test_the_way_to_a_state_is_one_of_the_shortest() -> None:
    found = explore(Steps({0: (1, 2), 1: (3,), 2: (3,), 3: (4,)}))
    assert walk(path_to(found.parents, 4)) == [1, 3, 4]
    assert path_to(found.parents, 0) == ()


@pytest.mark.parametrize("where", Ends)
def test_all_that_ends_well_is_well(where: Ends) -> None:
    model = Steps({0: (1, 2), 1: (3,), 2: (3,)})
    assert unmet(ends(where, 3), model, explore(model)) is None


@pytest.mark.parametrize("where", Ends)
def test_a_bad_end_is_shown_by_the_shortest_way_there(where: Ends) -> None:
    model = Steps({0: (1, 2), 1: (3,), 2: (4,), 4: (5,)})
    missed = unmet(ends(where, 3), model, explore(model))
    assert missed is not None
    assert walk(missed[1]) == ([2, 4, 5] if where is Ends.MUST else [2])


def test_what_can_go_round_for_ever_does_not_have_to_end() -> None:
    model = Steps({0: (1,), 1: (2, 3), 2: (1,)})
    missed = unmet(ends(Ends.MUST, 3), model, explore(model))
    assert missed is not None
    assert missed[0] == "this can go round for ever"
    assert walk(missed[1]) == [1, 2, 1]
    assert unmet(ends(Ends.CAN, 3), model, explore(model)) is None


def test_moves_that_do_not_count_promise_nothing() -> None:
    model = Steps({0: (1,)})
    never = Liveness[int]("ends", "", lambda _: True, lambda _: False, lambda state: state == 1)
    missed = unmet(never, model, explore(model))
    assert missed is not None
    assert walk(missed[1]) == []


def test_states_that_it_is_not_about_may_end_as_they_like() -> None:
    model = Steps({0: (1, 2)})
    about = Liveness[int](
        "ends", "", lambda state: state != 2, lambda _: True, lambda state: state == 1
    )
    assert unmet(about, model, explore(model)) is None
