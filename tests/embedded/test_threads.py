"""A manager that several threads share: every call returns or raises, and nothing is left."""

from __future__ import annotations

import asyncio
import gc
import signal
import threading
from collections.abc import Callable
from typing import Any, TypeVar

import pytest

from engine import ContainerManager, Ending, Transition
from engine.errors import DispatchError, StartError, UsedAfterClose, UsedInListener, UseError
from engine.runtimes.simulated import World
from engine.testing.simulation import left_in
from tests.embedded.conftest import PATIENCE_S, Background, Call, Make, SimulatedThreads

E = TypeVar("E", bound=BaseException)


class Seen:
    """A listener that lets the test wait for what happens."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._events: list[str] = []

    def __call__(self, step: Transition) -> None:
        with self._changed:
            self._events.append(step.event)
            self._changed.notify_all()

    def wait(self, event: str) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: event in self._events, PATIENCE_S), self._events


class TestATeardownMeanwhile:
    def test_cuts_short_a_start_that_still_waits_for_images(
        self, make: Make, background: Background
    ) -> None:
        with make(held=True) as manager:
            start = background(manager.start_services, ["alpha"])
            assert manager.preparing.wait(PATIENCE_S)
            manager.teardown()
            assert outcome(start, StartError).reasons == {"alpha": "a teardown cut its start short"}
            assert manager.left == []
            with pytest.raises(DispatchError, match="alpha has not been started"):
                manager.execute("alpha", ["true"])

    def test_cuts_short_a_start_that_has_begun(self, make: Make, background: Background) -> None:
        seen = Seen()
        with make(on_transition=seen) as manager:
            start = background(manager.start_services, ["alpha", "beta"])
            seen.wait("start")
            manager.teardown()
            assert outcome(start, StartError).reasons.keys() == {"alpha", "beta"}
            assert manager.left == []

    def test_interrupts_what_runs_and_refuses_what_waits_for_its_turn(
        self, make: Make, background: Background
    ) -> None:
        seen = Seen()
        with make(on_transition=seen, command_s=3600) as manager:
            manager.start_services(["alpha"])
            runs = background(manager.execute, "alpha", ["first"])
            seen.wait("dispatch")
            waits = background(manager.execute, "alpha", ["second"])
            manager.teardown(timeout=0)
            assert runs.wait().ending is Ending.INTERRUPTED
            outcome(waits, DispatchError)

    def test_is_waited_for_by_another_one(self, make: Make, background: Background) -> None:
        with make() as manager:
            manager.start_services(["alpha", "beta"])
            downs = [background(manager.teardown) for _ in range(5)]
            assert [down.wait() for down in downs] == [None] * 5
            assert manager.left == []
            manager.start_services(["alpha"])
            assert manager.states["alpha"] == "ready"


class TestLeavingTheBlock:
    def test_ends_a_start_in_another_thread(self, make: Make, background: Background) -> None:
        with make(held=True) as manager:
            start = background(manager.start_services, ["alpha"])
            assert manager.preparing.wait(PATIENCE_S)
        outcome(start, StartError)
        assert manager.left == []

    def test_ends_commands_and_those_that_wait_behind_them(
        self, make: Make, background: Background
    ) -> None:
        seen = Seen()
        with make(on_transition=seen, command_s=3600) as manager:
            manager.start_services(["alpha"])
            calls = [background(manager.execute, "alpha", ["work"]) for _ in range(5)]
            seen.wait("dispatch")
        endings = [call.wait() for call in calls]
        assert sum(getattr(one, "ending", None) is Ending.INTERRUPTED for one in endings) == 1
        refused = [one for one in endings if isinstance(one, DispatchError | UsedAfterClose)]
        assert len(refused) == 4
        assert manager.left == []

    def test_without_a_teardown_says_so_to_those_that_wait(
        self, make: Make, background: Background
    ) -> None:
        seen = Seen()
        manager = make(on_transition=seen, command_s=3600)
        manager.start_services(["alpha"])
        call = background(manager.execute, "alpha", ["work"])
        seen.wait("dispatch")
        manager.close()
        error = outcome(call, UsedAfterClose)
        assert error.call == "execute"
        assert "was closed while execute waited" in str(error)


CALLS: dict[str, Callable[[ContainerManager], Any]] = {
    "start_services": lambda manager: manager.start_services(["alpha"]),
    "restart_service": lambda manager: manager.restart_service("alpha"),
    "check_health": lambda manager: manager.check_health("alpha"),
    "check_and_recover": lambda manager: manager.check_and_recover("alpha"),
    "execute": lambda manager: manager.execute("alpha", ["true"]),
    "execute_experiment": lambda manager: manager.execute_experiment("alpha", "a.yaml"),
    "is_service_running": lambda manager: manager.is_service_running("alpha"),
    "connect": lambda manager: manager.connect(print),
    "with": lambda manager: manager.__enter__(),
}
"""Every call that takes the manager's thread, by its name."""


class TestAfterItsEnd:
    @pytest.fixture
    def closed(self, make: Make) -> SimulatedThreads:
        with make() as manager:
            manager.start_services(["alpha"])
        return manager

    @pytest.mark.parametrize("name", CALLS)
    def test_a_call_is_refused_by_its_name(self, closed: SimulatedThreads, name: str) -> None:
        with pytest.raises(UsedAfterClose) as caught:
            CALLS[name](closed)
        call = "execute" if name == "execute_experiment" else name
        assert caught.value.call == call
        assert f"{call} was called on a ContainerManager that is closed" in str(caught.value)
        assert isinstance(caught.value, RuntimeError)  # as it was before it had a separate type

    def test_what_is_known_can_still_be_read(self, closed: SimulatedThreads) -> None:
        assert closed.states == {"alpha": "stopped"}
        assert closed.project.name == "embedded"
        assert [step.event for step in closed.transitions()][-2:] == ["stop", "removed"]

    def test_its_end_can_be_repeated(self, closed: SimulatedThreads) -> None:
        closed.teardown()
        closed.close()
        closed.close()

    def test_a_teardown_that_comes_too_late_says_so(self, make: Make) -> None:
        manager = make()
        manager.start_services(["alpha"])
        manager.close()
        with pytest.raises(
            UsedAfterClose, match="teardown was called while its manager was closed"
        ):
            manager.teardown()


class TestListeners:
    @pytest.mark.parametrize("name", sorted(CALLS.keys() - {"with"}))
    def test_one_that_calls_its_manager_is_refused_and_waits_for_nothing(
        self, make: Make, name: str
    ) -> None:
        errors: list[BaseException] = []

        def calls_back(_step: Transition) -> None:
            try:
                CALLS[name](manager)
            except UseError as error:
                errors.append(error)

        with make(on_transition=calls_back) as manager:
            manager.start_services(["alpha"])
        assert {type(error) for error in errors[:2]} == {UsedInListener}
        assert {type(error) for error in errors[2:]} == {UsedAfterClose}  # the block is being left
        assert manager.left == []

    @pytest.mark.parametrize(
        "error", [ValueError, SystemExit, KeyboardInterrupt, asyncio.CancelledError]
    )
    def test_one_that_fails_stops_nothing(
        self, make: Make, background: Background, error: type[BaseException]
    ) -> None:
        def fails(_step: Transition) -> None:
            raise error

        with make(on_transition=fails) as manager:
            assert background(manager.start_services, ["alpha", "beta"]).wait() is None
            assert manager.execute("alpha", ["true"]).succeeded
        assert manager.states == {"alpha": "stopped", "beta": "stopped"}
        assert manager.left == []


class TestInterrupted:
    """Ctrl+C, at each transition of a whole life."""

    def life(self, make: Make, at: tuple[str, ...], command_s: float = 0.01) -> SimulatedThreads:
        """A life in which Ctrl+C is pressed at these events, of one backend."""
        due = list(at)
        main = threading.main_thread().ident
        assert main is not None

        def interrupts(step: Transition) -> None:
            if due and step.event == due[0]:
                del due[0]
                signal.pthread_kill(main, signal.SIGINT)

        manager = make(on_transition=interrupts, command_s=command_s)

        def live() -> None:
            with manager:
                manager.start_services(["alpha"])
                manager.execute("alpha", ["work"])
                manager.restart_service("alpha")

        with pytest.raises(KeyboardInterrupt):
            live()
        assert due == []
        return manager

    @pytest.mark.parametrize(
        "event", ["start", "proved_ready", "dispatch", "finish", "restart", "stop", "removed"]
    )
    def test_once_nothing_is_left(self, make: Make, event: str) -> None:
        manager = self.life(make, (event,))
        assert manager.left == []
        assert manager.states == {"alpha": "stopped"}

    @pytest.mark.parametrize("first", ["start", "dispatch"])
    def test_and_again_in_the_teardown_nothing_is_left(self, make: Make, first: str) -> None:
        manager = self.life(make, (first, "stop"))
        assert manager.left == []

    def test_a_command_is_ended_that_would_go_on(self, make: Make) -> None:
        manager = self.life(make, ("dispatch",), command_s=3600)
        assert manager.left == []


class TestForgotten:
    def forget(self, make: Make, *services: str) -> World:
        """Start services, and forget the manager; what it leaves behind."""
        manager = make()
        manager.start_services(services)
        world, thread = manager.world, manager._worker._thread  # type: ignore[attr-defined]
        del manager
        gc.collect()
        thread.join(PATIENCE_S)
        assert not thread.is_alive()
        return world

    def test_what_is_up_is_taken_down_and_said(self, make: Make) -> None:
        with pytest.warns(ResourceWarning, match="forgotten with its backends up"):
            world = self.forget(make, "alpha")
        assert left_in(world) == []

    def test_where_nothing_is_up_nothing_is_said(
        self, make: Make, recwarn: pytest.WarningsRecorder
    ) -> None:
        manager = make()
        manager.start_services(["alpha"])
        manager.teardown()
        del manager
        gc.collect()
        assert not [one for one in recwarn if one.category is ResourceWarning]


def outcome(call: Call, kind: type[E]) -> E:
    """The error that a call in the background ends with."""
    error = call.wait()
    assert isinstance(error, kind), error
    return error
