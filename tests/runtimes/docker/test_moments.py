"""Moments as engines write them: UTC or local time, with as many digits as they like."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import cast

import pytest
from docker.api import APIClient
from hypothesis import given
from hypothesis import strategies as st

from engine.runtimes.docker.daemon.client import engine_facts
from engine.runtimes.docker.daemon.moments import moment_ns

NOON_S = int(datetime(2026, 11, 28, 12, tzinfo=UTC).timestamp())


@pytest.mark.parametrize(
    ("written", "fraction_ns"),
    [
        ("2026-11-28T12:00:00Z", 0),
        ("2026-11-28T12:00:00", 0),
        ("2026-11-28T12:00:00.5Z", 500_000_000),
        ("2026-11-28T12:00:00.123456789Z", 123_456_789),
        ("2026-11-28T07:00:00.000000001-05:00", 1),
        ("2026-11-28T21:00:00+09:00", 0),
    ],
)
def test_a_moment(written: str, fraction_ns: int) -> None:
    assert moment_ns(written) == NOON_S * 1_000_000_000 + fraction_ns


def test_one_that_never_was() -> None:
    """What Docker says of a container that has not started."""
    assert moment_ns("0001-01-01T00:00:00Z") < 0


@given(st.datetimes(), st.integers(-14 * 60, 14 * 60), st.integers(0, 999))
def test_any_moment_in_any_time_zone(naive: datetime, offset: int, ns: int) -> None:
    moment = naive.replace(tzinfo=timezone(timedelta(minutes=offset)))
    written = moment.isoformat(timespec="microseconds")
    written = f"{written[:26]}{ns:03}{written[26:]}"
    since = moment - datetime(1970, 1, 1, tzinfo=UTC)
    assert moment_ns(written) == since // timedelta(microseconds=1) * 1000 + ns


@pytest.mark.parametrize("zone", ["Z", "-05:00", "+09:00"])
def test_the_clock_of_a_daemon_in_any_time_zone(zone: str) -> None:
    offset = timedelta() if zone == "Z" else timedelta(hours=int(zone[:3]))
    local = (datetime.fromtimestamp(NOON_S, UTC) + offset).replace(tzinfo=None)

    class Client:
        base_url = "tcp://engine"

        def get_adapter(self, _url: str) -> object:
            return object()

        def info(self) -> dict[str, str]:
            return {"SystemTime": f"{local.isoformat()}.75{zone}", "ServerVersion": "28.5.2"}

    assert engine_facts(cast("APIClient", Client())).time == NOON_S
