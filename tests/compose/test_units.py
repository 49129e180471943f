"""Durations, sizes and plain values."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.compose import units
from tests.compose.effort import some

PARSERS = [
    units.boolean,
    units.duration_s,
    units.integer,
    units.nano_cpus,
    units.number,
    units.octal,
    units.size_bytes,
    units.span_s,
    units.text,
]
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30)


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("90s", 90.0),
        ("1m30s", 90.0),
        ("1h", 3600.0),
        ("1.5h", 5400.0),
        ("500ms", 0.5),
        ("10us", 0.00001),
        ("10µs", 0.00001),
        ("7ns", 0.000000007),
        ("1h2m3s4ms5us6ns", 3723.004005006),
        ("2d", 172_800.0),
        ("1w", 604_800.0),
        (".5s", 0.5),
        ("0", 0.0),
        ("-5s", -5.0),
    ],
)
def test_a_duration_is_in_seconds(written: str, seconds: float) -> None:
    assert units.duration_s(written) == seconds


@pytest.mark.parametrize(
    "written", ["", "10", "10 s", "s", "1x", "1m 30s", "5s!", "--5s", "1e3s", None]
)
def test_what_is_no_duration_is_refused(written: Any) -> None:
    with pytest.raises(ValueError, match="is not a duration"):
        units.duration_s(written)


def test_a_duration_without_a_unit_is_told_so() -> None:
    with pytest.raises(ValueError, match="it has no unit: 10s"):
        units.duration_s("10")


def test_a_span_is_not_negative() -> None:
    with pytest.raises(ValueError, match="negative"):
        units.span_s("-5s")


@pytest.mark.parametrize(
    ("written", "size"),
    [
        (100, 100),
        ("100", 100),
        ("1k", 1024),
        ("512m", 512 * 1024**2),
        ("512mb", 512 * 1024**2),
        ("512MB", 512 * 1024**2),
        ("1.5g", 3 * 1024**3 // 2),
        ("1 GiB", 1024**3),
        ("2gib", 2 * 1024**3),
        ("1t", 1024**4),
        ("10b", 10),
        (-1, -1),
        ("-1", -1),
    ],
)
def test_a_size_is_in_bytes(written: Any, size: int) -> None:
    assert units.size_bytes(written) == size


@pytest.mark.parametrize(
    "written", ["", "m", "1x", "1 g b", "2 gigabytes", "1,5g", "9999p", [], 1.5]
)
def test_what_is_no_size_is_refused(written: Any) -> None:
    with pytest.raises(ValueError, match=r"not a size|a float|64 bits"):
        units.size_bytes(written)


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (True, "true"),
        (1, "1"),
        (1.0, "1"),
        (1.5, "1.5"),
        (1000.0, "1000"),
        (1e6, "1e+06"),
        (1e21, "1e+21"),
        (0.00001, "1e-05"),
        ("as it is", "as it is"),
    ],
)
def test_a_value_is_written_as_go_writes_it(value: Any, written: str) -> None:
    assert units.plain(value) == written


@pytest.mark.parametrize("written", ["true", "True", "yes", "on", "Y", True])
def test_words_for_true(written: Any) -> None:
    assert units.boolean(written) is True


@pytest.mark.parametrize("written", ["false", "FALSE", "no", "off", "n", False])
def test_words_for_false(written: Any) -> None:
    assert units.boolean(written) is False


@pytest.mark.parametrize("written", ["1", "0", 1, "maybe", "", None])
def test_what_is_no_boolean_is_refused(written: Any) -> None:
    with pytest.raises(ValueError, match="is not a boolean"):
        units.boolean(written)


@pytest.mark.parametrize(("written", "mode"), [(0o755, 0o755), ("0755", 0o755), ("1777", 0o1777)])
def test_a_file_mode_as_text_is_octal(written: Any, mode: int) -> None:
    assert units.octal(written) == mode


@pytest.mark.parametrize(("written", "billionths"), [(1.5, 1_500_000_000), ("0.25", 250_000_000)])
def test_cpus_are_counted_in_billionths(written: Any, billionths: int) -> None:
    assert units.nano_cpus(written) == billionths


@some()
@given(milliseconds=st.integers(min_value=0, max_value=10**12))
def test_a_duration_survives_being_written(milliseconds: int) -> None:
    assert units.duration_s(f"{milliseconds}ms") == pytest.approx(milliseconds / 1000)


@some()
@given(size=st.integers(min_value=0, max_value=2**62))
def test_a_size_survives_being_written(size: int) -> None:
    assert units.size_bytes(str(size)) == size


@pytest.mark.parametrize("parse", PARSERS, ids=lambda parse: parse.__name__)
@some()
@given(value=SCALARS)
def test_a_parser_raises_nothing_but_value_errors(parse: Any, value: Any) -> None:
    try:
        parse(value)
    except ValueError as error:
        assert str(error)
