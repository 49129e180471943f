"""The catalogue of faults: what hits a backend, what is observed, which edges it takes, how it ends.

Each row is a test, and a line of the table in ``docs/faults.md``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from attrs import field, frozen

from engine.health import HealthPolicy
from engine.health.gpu import GpuPolicy
from engine.model.results import Ended, Ending
from engine.policy import BackendPolicy, HealthChecks, RestartPolicy
from tests.faults import stories
from tests.faults.stage import Stage

__all__ = ["ROWS", "UP", "Row"]

UP = ("stopped start starting", "starting proved_ready ready")
"""How each story begins, unless it is about the start itself."""

DISPATCH, FINISH = "ready dispatch busy", "busy finish ready"
IDLE_FAULT, BUSY_FAULT = "ready fault unhealthy", "busy fault unhealthy"
RECOVER, PROVED = "unhealthy recover restarting", "restarting proved_ready ready"
FAILED, GIVE_UP = "restarting fault unhealthy", "unhealthy recover exhausted"
KILLED = "its container was killed from outside (exit code 137, no OOM)"
REMOVED = "its container is gone: another process removed it"
RUN = (DISPATCH, FINISH)
AGAIN = (RECOVER, PROVED)

GPUS: dict[str, Any] = {
    "deploy": {
        "resources": {
            "reservations": {
                "devices": [{"driver": "nvidia", "count": "all", "capabilities": ["gpu"]}]
            }
        }
    }
}
HEALTH_CHECK: dict[str, Any] = {
    "tmpfs": ["/flag"],
    "healthcheck": {"test": "test ! -e /flag/sick", "interval": "0.1s", "retries": 1},
}
SMALL: dict[str, Any] = {"mem_limit": "48m", "memswap_limit": "48m"}


def policy(**health: Any) -> BackendPolicy:
    """As in production, but without its patience."""
    quick = {"gpu": GpuPolicy(failing_after=2), "every_s": 3600.0, "again_s": 0.05, **health}
    return BackendPolicy(
        restart=RestartPolicy(max_restarts=3, backoff_s=0.01, jitter=0),
        health=HealthPolicy(**quick),
        ready_within_s=60,
        stop_grace_s=0,
    )


OFTEN = policy(every_s=0.2)
"""Idle looks follow each other closely."""

BY_DOCKER = policy(checks=HealthChecks.ENGINE)
"""The engine runs the health check, beside an experiment as well."""


@frozen
class Row:
    """One fault.

    Attributes:
        fault: what hits the backend.
        story: lets it happen; returns how the experiment ended, where there is one.
        seen: part of what is said about it: as the fault's reason, the experiment's, or in the log; which
            of them depends on the moment. Empty where nothing is said.
        path: the transitions after the start, as ``source event target``; with ``begins``, after that.
        ending: how its experiment ended, where there is one.
        exit_code: with what exit code; None where it was not observed.
        note: what else the story has seen to.
        recreated: whether the container is another one in the end.
    """

    fault: str
    story: Callable[[Stage], Ended | None]
    seen: tuple[str, ...]
    path: tuple[str, ...]
    ending: Ending | None = None
    exit_code: int | None = None
    note: str = ""
    recreated: bool = False
    begins: tuple[str, ...] = UP
    service: Mapping[str, Any] = field(factory=dict)
    policy: BackendPolicy = field(factory=policy)

    @property
    def state(self) -> str:
        """The state that it comes to."""
        return (*self.begins, *self.path)[-1].split()[-1]

    @property
    def restarts(self) -> int:
        """How many restarts of the budget it costs."""
        return self.path.count(RECOVER)


ROWS = (
    Row(
        "GPU leak: an experiment leaves a detached process that holds memory",
        stories.experiment_leaves_memory_held,
        (),
        (*RUN, *RUN),
        Ending.EXITED,
        0,
        service=GPUS,
        note="what was left behind is ended at once, and recorded with the experiment",
    ),
    Row(
        "GPU leak by a process in our container that no experiment started",
        stories.memory_is_held_by_an_unmarked_process,
        ("MiB in use while idle, the limit is",),
        (IDLE_FAULT, *AGAIN),
        service=GPUS,
        policy=OFTEN,
    ),
    Row(
        "GPU memory above the baseline, but less than the threshold",
        stories.a_little_memory_is_held,
        ("OK",),
        (*RUN, *RUN),
        Ending.EXITED,
        0,
        service=GPUS,
    ),
    Row(
        "GPU gone (NVML 15)",
        stories.gpu_is_lost,
        ("the GPU is lost: it fell off the bus or cannot be reached (NVML 15)",),
        (IDLE_FAULT, GIVE_UP),
        service=GPUS,
        policy=OFTEN,
    ),
    Row(
        "GPU must be reset (NVML 16)",
        stories.gpu_must_be_reset,
        ("the GPU must be reset before it can be used again (NVML 16)",),
        (IDLE_FAULT, GIVE_UP),
        service=GPUS,
        policy=OFTEN,
    ),
    Row(
        "NVML 999, which only a new container cures",
        stories.access_is_lost,
        ("the container has lost its access to the GPU",),
        (IDLE_FAULT, RECOVER, FAILED, *AGAIN),
        recreated=True,
        service=GPUS,
        policy=OFTEN,
    ),
    Row(
        "another number of GPUs than at readiness",
        stories.a_gpu_disappears,
        ("the visible GPUs changed from 2 to 1 since readiness",),
        (IDLE_FAULT, *AGAIN),
        recreated=True,
        service=GPUS,
        policy=OFTEN,
    ),
    Row(
        "GPU memory held by another process",
        stories.a_stranger_comes_and_goes,
        ("others hold it",),
        RUN,
        Ending.EXITED,
        0,
        service=GPUS,
        policy=OFTEN,
        note="it is dispatched once the memory is free",
    ),
    Row(
        "no NVML library in the container",
        stories.nobody_can_look,
        ("NVML is not to be had",),
        (*RUN, *RUN),
        Ending.EXITED,
        0,
        service=GPUS,
        note="unknown is not unfit",
    ),
    Row(
        "the GPU hook fails at the start",
        stories.the_hook_fails,
        ("the engine could not give it its GPUs",),
        ("starting fault unhealthy", GIVE_UP),
        begins=UP[:1],
        service=GPUS,
    ),
    Row(
        "`docker kill` while idle",
        stories.killed_while_idle,
        (KILLED,),
        (IDLE_FAULT, *AGAIN),
    ),
    Row(
        "`docker kill` under an experiment",
        stories.killed_while_busy,
        (KILLED,),
        (DISPATCH, BUSY_FAULT, *AGAIN),
        Ending.LOST,
    ),
    Row(
        "out of memory: the container's main process is killed",
        stories.main_process_out_of_memory,
        ("its container was killed by the kernel for want of memory (OOM)",),
        (IDLE_FAULT, *AGAIN),
        service={**SMALL, "command": ["python3", "-c", stories.GREEDY_WHEN_TOLD]},
    ),
    Row(
        "out of memory: the experiment alone is killed",
        stories.experiment_out_of_memory,
        (),
        RUN,
        Ending.EXITED,
        137,
        service=SMALL,
    ),
    Row(
        "`docker kill` after the kernel has killed an experiment for want of memory",
        stories.killed_after_experiment_out_of_memory,
        (KILLED,),
        (*RUN, IDLE_FAULT, *AGAIN),
        Ending.EXITED,
        137,
        service=SMALL,
    ),
    Row(
        "`docker pause` while idle",
        stories.paused_while_idle,
        ("its container was paused from outside",),
        (IDLE_FAULT, *AGAIN),
        recreated=True,
    ),
    Row(
        "`docker pause` under an experiment: it falls silent",
        stories.paused_while_busy,
        ("ended after 1 s without any output",),
        (DISPATCH, BUSY_FAULT, *AGAIN),
        Ending.SILENCE,
        recreated=True,
    ),
    Row(
        "the health check fails while idle",
        stories.sick_while_idle,
        ("its health check fails",),
        (IDLE_FAULT, *AGAIN),
        service=HEALTH_CHECK,
    ),
    Row(
        "the health check would fail from some moment of an experiment on",
        stories.sick_from_an_experiment_on,
        ("its health check fails",),
        (*RUN, IDLE_FAULT, *AGAIN),
        Ending.EXITED,
        0,
        service=HEALTH_CHECK,
    ),
    Row(
        "Docker's own health check (`health: docker`) flaps under an experiment",
        stories.sick_for_a_while_while_busy,
        (),
        RUN,
        Ending.EXITED,
        0,
        service=HEALTH_CHECK,
        policy=BY_DOCKER,
    ),
    Row(
        "Docker's own health check (`health: docker`) still fails at the end of the experiment",
        stories.sick_at_the_end,
        ("its health check fails",),
        (*RUN, IDLE_FAULT, *AGAIN),
        Ending.EXITED,
        0,
        service=HEALTH_CHECK,
        policy=BY_DOCKER,
    ),
    Row(
        "the health check runs a program that is not in the image",
        stories.its_check_cannot_be_run,
        ("its health check cannot be run: ",),
        ("starting fault unhealthy", GIVE_UP),
        begins=UP[:1],
        service={"healthcheck": {"test": ["CMD", "/no/such"], "interval": "0.1s", "retries": 1}},
        note="no restart is spent on it",
        recreated=True,
    ),
    Row(
        "the image is gone when the container has to be recreated",
        stories.image_is_gone,
        ("its image is not on this engine any more: pull or build it again",),
        (IDLE_FAULT, RECOVER, FAILED, GIVE_UP),
        service={"image": stories.OWN_IMAGE},
    ),
    Row(
        "a process that ignores TERM at its time limit",
        stories.ignores_term,
        ("ended after its time limit of 0.5 s",),
        RUN,
        Ending.TIMEOUT,
        137,
        note="ended by KILL after the grace",
    ),
    Row(
        "a grandchild in a separate session, at the time limit",
        stories.grandchild_at_the_time_limit,
        ("ended after its time limit of 1 s",),
        RUN,
        Ending.TIMEOUT,
        143,
        note="the grandchild is ended too",
    ),
    Row(
        "the container is removed behind our back while idle",
        stories.removed_while_idle,
        (KILLED, REMOVED),
        (IDLE_FAULT, *AGAIN),
        recreated=True,
    ),
    Row(
        "the container is removed behind our back under an experiment",
        stories.removed_while_busy,
        (KILLED, REMOVED),
        (DISPATCH, BUSY_FAULT, *AGAIN),
        Ending.LOST,
        recreated=True,
    ),
    Row(
        "the container is restarted behind our back while idle",
        stories.restarted_while_idle,
        (
            "its container's main process ended",
            "its container was restarted from outside, so its readiness is not proved",
        ),
        (IDLE_FAULT, *AGAIN),
    ),
    Row(
        "a command that falls silent",
        stories.silent,
        ("ended after 0.5 s without any output",),
        RUN,
        Ending.SILENCE,
        143,
    ),
)
