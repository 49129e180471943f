"""The machine that backends live by, without anything around it, beside other state machines."""

from __future__ import annotations

import gc
import time
import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

from benchmarks.measure import Turn

__all__ = ["OURS", "PEERS", "machine"]

OURS: Final = "the machine"
PEERS: Final = ("transitions", "transitions LockedMachine", "python-statemachine", "automat")

_LAPS: Final = 500
_INSTANCES: Final = 300

_LAP: Final = ("start", "proved_ready", "dispatch", "finish", "stop", "removed")
"""The life of a backend that runs one experiment, as events of our table."""

_EDGES: Final = (
    ("start", "stopped", "starting"),
    ("proved_ready", "starting", "ready"),
    ("dispatch", "ready", "busy"),
    ("finish", "busy", "ready"),
    ("stop", "ready", "removing"),
    ("removed", "removing", "stopped"),
)
"""The same for machines without a latch: being stopped is a separate state."""

_STATES: Final = ("stopped", "starting", "ready", "busy", "removing")

Maker = Callable[[], Callable[[str], Any]]
"""Makes one instance; what it returns takes an event's name."""


@contextmanager
def machine() -> Iterator[Sequence[Turn]]:
    """For each kind of machine, ``time: <kind>`` in seconds an event, ``memory: <kind>`` in bytes."""
    makers = zip(
        (OURS, *PEERS),
        (_ours(), _transitions(), _locked(), _statemachine(), _automat()),
        strict=True,
    )
    yield [_turn(name, maker) for name, maker in makers]


def _turn(name: str, maker: Maker) -> Turn:
    return lambda: {f"time: {name}": _speed(maker), f"memory: {name}": _memory(maker)}


def _speed(maker: Maker) -> float:
    """Seconds of processor time per event, over many lives of one backend."""
    fire = maker()
    began = time.process_time()
    for _ in range(_LAPS):
        for event in _LAP:
            fire(event)
    return (time.process_time() - began) / (_LAPS * len(_LAP))


def _memory(maker: Maker) -> float:
    """Bytes per instance, beyond what all of them share."""
    first = maker()
    gc.collect()
    tracemalloc.start()
    try:
        made = [maker() for _ in range(_INSTANCES)]
        for fire in (first, *made):
            fire("start")  # some make up their minds when they are first used
        gc.collect()
        return tracemalloc.get_traced_memory()[0] / _INSTANCES
    finally:
        tracemalloc.stop()


def _ours() -> Maker:
    from engine.backend.machine import Machine
    from states import BACKEND

    machine = Machine(BACKEND)
    return lambda: machine.instance().fire


def _transitions() -> Maker:
    """One machine for all models, as its documentation advises for many of them."""
    from transitions import Machine

    machine = Machine(
        model=None, states=[*_STATES], transitions=[*map(list, _EDGES)], auto_transitions=False
    )
    return lambda: _model_of(machine)


def _locked() -> Maker:
    from transitions.extensions import LockedMachine

    machine = LockedMachine(
        model=None, states=[*_STATES], transitions=[*map(list, _EDGES)], auto_transitions=False
    )
    return lambda: _model_of(machine)


class _Model:
    pass


def _model_of(machine: Any) -> Callable[[str], Any]:
    model: Any = _Model()
    machine.add_model(model, initial="stopped")
    trigger: Callable[[str], Any] = model.trigger
    return trigger


def _statemachine() -> Maker:
    from statemachine import State, StateMachine

    states = {name: State(name, initial=name == "stopped") for name in _STATES}
    events = {event: states[source].to(states[target]) for event, source, target in _EDGES}
    machine: Any = type("Backend", (StateMachine,), {**states, **events})
    return lambda: machine().send


def _automat() -> Maker:
    import automat

    machine: Any = automat.MethodicalMachine()  # type: ignore[no-untyped-call]
    body: dict[str, Any] = {"machine": machine}
    for name in _STATES:
        body[f"in_{name}"] = machine.state(initial=name == "stopped")(_named(f"in_{name}"))
    for event, source, target in _EDGES:
        body[event] = machine.input()(_named(event))
        body[f"in_{source}"].upon(body[event], enter=body[f"in_{target}"], outputs=[])
    backend: Any = type("Backend", (), body)

    def make() -> Callable[[str], Any]:
        instance = backend()
        return lambda event: getattr(instance, event)()

    return make


def _named(name: str) -> Callable[[Any], None]:
    """A method that does nothing, under a name: automat takes states and inputs for methods."""

    def nothing(_self: Any) -> None:
        """Nothing."""

    nothing.__name__ = nothing.__qualname__ = name
    return nothing
