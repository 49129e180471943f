"""Guards are expressions that can be evaluated, read and enumerated."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from states import ALWAYS, Guard, fact
from states.guard import assignments

A, B, C = fact("a"), fact("b"), fact("c")


@pytest.mark.parametrize(
    ("guard", "text"),
    [
        (ALWAYS, "always"),
        (A, "a"),
        (~A, "not a"),
        (A & B, "a and b"),
        (A | B & C, "a or b and c"),
        ((A | B) & C, "(a or b) and c"),
        (~(A & B), "not (a and b)"),
        (~~A, "not not a"),
    ],
)
def test_reads_as_it_is_meant(guard: Guard, text: str) -> None:
    assert str(guard) == text


def test_names_every_fact_that_it_needs() -> None:
    assert ((A | ~B) & C).names == {"a", "b", "c"}


def test_a_missing_fact_is_an_error_and_not_false() -> None:
    with pytest.raises(KeyError, match="a"):
        A({})


def test_assignments_are_all_of_them_once() -> None:
    found = list(assignments(frozenset("abc")))
    assert len(found) == 8
    assert len({tuple(one.items()) for one in found}) == 8


GUARDS = st.recursive(
    st.sampled_from([A, B, C, ALWAYS]),
    lambda inner: (
        inner.map(lambda g: ~g)
        | st.tuples(inner, inner).map(lambda pair: pair[0] & pair[1])
        | st.tuples(inner, inner).map(lambda pair: pair[0] | pair[1])
    ),
    max_leaves=8,
)


@given(GUARDS)
def test_its_text_means_what_it_evaluates_to(guard: Guard) -> None:
    for facts in assignments(frozenset("abc")):
        assert guard(facts) == eval(str(guard).replace("always", "True"), {}, facts)
