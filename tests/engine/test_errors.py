"""The tree of errors is drawn as it is."""

from __future__ import annotations

import pickle
import re
from collections.abc import Iterator

import pytest

from engine import errors
from engine.errors import DockwardenError, RemovalFailed
from states import BACKEND, FactMissing, LifecycleError, StateError, TransitionRefused


def drawn() -> dict[str, int]:
    """Each error of the drawing, and how deep it stands."""
    lines = re.findall(r"^    ([│├└─ ]*)(\w+)", errors.__doc__ or "", flags=re.MULTILINE)
    return {name: len(before) // 4 for before, name in lines if name[0].isupper()}


def depth(error: type[DockwardenError]) -> int:
    return [base.__module__ for base in error.__mro__].count("engine.errors") - 1


def test_the_drawing_is_the_tree() -> None:
    classes = [getattr(errors, name) for name in errors.__all__]
    assert drawn() == {error.__name__: depth(error) for error in classes}


def family(error: type[BaseException]) -> Iterator[type[BaseException]]:
    yield error
    for below in error.__subclasses__():
        yield from family(below)


@pytest.mark.parametrize(
    "kind", [*family(DockwardenError), *family(StateError)], ids=lambda kind: kind.__name__
)
def test_every_error_crosses_a_process_boundary(kind: type[BaseException]) -> None:
    error = kind.__new__(kind)
    error.args = ("what happened",)
    vars(error)["detail"] = ("attached",)
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is kind
    assert (str(copy), vars(copy)["detail"]) == (str(error), ("attached",))


def test_an_error_keeps_what_it_was_made_with() -> None:
    made = RemovalFailed("vllm", "its container is still there")
    copy = pickle.loads(pickle.dumps(made))
    assert (str(copy), copy.service, copy.reason) == (str(made), made.service, made.reason)


def test_errors_of_tables_cross_it_too() -> None:
    with pytest.raises(TransitionRefused) as refused:
        BACKEND.decide("stopped", "dispatch")
    assert pickle.loads(pickle.dumps(refused.value)).allowed == refused.value.allowed
    with pytest.raises(FactMissing) as missing:
        BACKEND.decide("unhealthy", "recover")
    assert pickle.loads(pickle.dumps(missing.value)).fact == missing.value.fact
    with pytest.raises(LifecycleError) as unsound:
        BACKEND.extend(states={"parked": "waits for ever"})
    assert unsound.value.refused is not None
    copy = pickle.loads(pickle.dumps(unsound.value))
    assert (copy.findings, copy.refused) == (unsound.value.findings, None)
