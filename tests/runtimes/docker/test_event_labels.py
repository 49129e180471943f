"""Labels of an image stand in the engine's events: they never count as what the engine says."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from engine.runtimes.base import Container
from engine.runtimes.docker.daemon.event_labels import EventLabels
from engine.runtimes.docker.daemon.reported_deaths import Deaths


def inspected(*labels: str) -> dict[str, Any]:
    return {"Id": "id", "Name": "/alpha", "Config": {"Labels": dict.fromkeys(labels, "0") or None}}


def event(**attributes: str) -> dict[str, Any]:
    return {"Action": "die", "timeNano": 2**62, "Actor": {"ID": "id", "Attributes": attributes}}


@pytest.mark.parametrize("label", ["exitCode", "execID", "signal", "image", "name"])
def test_an_attribute_that_is_a_label_is_not_believed(label: str) -> None:
    labels = EventLabels()
    labels.note(inspected(label, "other"))
    told = event(**{label: "forged", "other": "0", "true": "1"})
    assert labels.believable(told)["Actor"] == {
        "ID": "id",
        "Attributes": {"other": "0", "true": "1"},
    }


@pytest.mark.parametrize("names", [(), ("other",)])
def test_other_labels_hide_nothing(names: tuple[str, ...]) -> None:
    labels = EventLabels()
    labels.note(inspected(*names))
    assert labels.believable(event(exitCode="3")) == event(exitCode="3")


def test_a_death_without_an_exit_code_proves_nothing() -> None:
    deaths = Deaths()
    deaths.began(Container("alpha", "id", "2026-01-31T10:15:00Z"))
    assert deaths.seen(event(exitCode="3")) is not None
    assert deaths.seen(event()) is None


def test_the_label_is_named_once(caplog: pytest.LogCaptureFixture) -> None:
    labels = EventLabels()
    with caplog.at_level(logging.WARNING):
        labels.note(inspected("exitCode", "execID"))
        labels.note(inspected("exitCode", "execID"))
    (named,) = [record.getMessage() for record in caplog.records]
    assert "container alpha has the label execID and the label exitCode" in named
