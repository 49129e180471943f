"""Variables, in every form that Compose has."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.compose.interpolation import InterpolationError, escape, substitute
from tests.compose.effort import some

VARIABLES = {"SET": "value", "EMPTY": "", "OTHER": "$SET is not replaced"}
NAMES = st.sampled_from([*VARIABLES, "NOWHERE"])
TEXTS = st.text(alphabet="${}:-+?aS_1\n é", max_size=30) | st.text(max_size=30)


def put_in(text: str) -> str:
    return substitute(text, VARIABLES.get)


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("plain", "plain"),
        ("$SET", "value"),
        ("${SET}", "value"),
        ("a$SET.b", "avalue.b"),
        ("$SET$SET", "valuevalue"),
        ("$NOWHERE", ""),
        ("${NOWHERE:-default}", "default"),
        ("${EMPTY:-default}", "default"),
        ("${SET:-default}", "value"),
        ("${NOWHERE-default}", "default"),
        ("${EMPTY-default}", ""),
        ("${NOWHERE:-}", ""),
        ("${SET:+other}", "other"),
        ("${EMPTY:+other}", ""),
        ("${EMPTY+other}", "other"),
        ("${NOWHERE+other}", ""),
        ("${SET:?message}", "value"),
        ("${EMPTY?message}", ""),
        ("$$", "$"),
        ("$$SET and $${SET}", "$SET and ${SET}"),
        ("${NOWHERE:-$$x}", "$x"),
        ("${NOWHERE:-${ALSO:-deep}}", "deep"),
        ("${NOWHERE:-a${SET}b}", "avalueb"),
        ("${SET:+${EMPTY:-x}}", "x"),
        ("${NOWHERE:-{}}", "{}"),
        ('${NOWHERE:-{"a":{"b":1}}}', '{"a":{"b":1}}'),
        ("${NOWHERE:-x:?y}", "x:?y"),
        ("${NOWHERE-:+x}", ":+x"),
        ("${SET}}", "value}"),
        ("${OTHER}", "$SET is not replaced"),
        ("5 $", "5 $"),
        ("$5 $(x) $Ä", "$5 $(x) $Ä"),
    ],
)
def test_what_comes_of_a_form(text: str, result: str) -> None:
    assert put_in(text) == result


@pytest.mark.parametrize(
    "text",
    [
        "${",
        "${}",
        "${1}",
        "${SET",
        "${ SET}",
        "${SET:x}",
        "${SET/x}",
        "${SET=x}",
        "${SET^^}",
        "${Ä}",
        "${A:-${B}",
    ],
)
def test_what_is_no_form_is_refused_with_the_way_out(text: str) -> None:
    with pytest.raises(InterpolationError, match=r"for a plain \$ write \$\$"):
        put_in(text)


@pytest.mark.parametrize(
    "text", ["${NOWHERE:?say where}", "${NOWHERE?say where}", "${EMPTY:?say where}"]
)
def test_a_required_variable_is_asked_for_with_its_message(text: str) -> None:
    with pytest.raises(InterpolationError, match="is required and not set: say where; set it"):
        put_in(text)


def test_the_message_may_hold_variables() -> None:
    with pytest.raises(InterpolationError, match="not set: see value"):
        put_in("${NOWHERE:?see $SET}")


def test_a_branch_that_is_not_taken_may_be_wrong() -> None:
    assert put_in("${SET:-${NOWHERE:?x}}") == "value"
    assert put_in("${NOWHERE:+${NOWHERE:?x}}") == ""


def test_only_variables_without_a_default_are_told_missing() -> None:
    missing: list[str] = []

    substitute("$A ${B} ${C:-c} ${D+d} ${E:-$F} $SET $EMPTY", VARIABLES.get, missing.append)

    assert missing == ["A", "B", "F"]


def test_endless_nesting_is_refused() -> None:
    with pytest.raises(InterpolationError, match="nested"):
        put_in("${A:-" * 500 + "x" + "}" * 500)


@some()
@given(text=st.text())
def test_an_escaped_text_comes_back(text: str) -> None:
    assert put_in(escape(text)) == text


@some()
@given(text=TEXTS)
def test_no_text_raises_anything_but_an_interpolation_error(text: str) -> None:
    try:
        put_in(text)
    except InterpolationError as error:
        assert str(error)


@some()
@given(text=st.text().filter(lambda text: "$" not in text))
def test_a_text_without_a_dollar_stays(text: str) -> None:
    assert put_in(text) == text


@some()
@given(name=NAMES, default=st.text(alphabet="abc ", max_size=5))
def test_a_default_is_used_exactly_when_there_is_nothing(name: str, default: str) -> None:
    assert put_in(f"${{{name}:-{default}}}") == (VARIABLES.get(name) or default)
