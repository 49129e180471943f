"""What happens in each row of the catalogue, step by step; what comes of it is the row's to say."""

from __future__ import annotations

from typing import Final

import pytest

from engine.errors import StartError
from engine.model.results import Ended
from tests.faults.stage import GPU_A, GPU_B, LEAVE_BEHIND, PROJECT, Stage
from tests.lab import BASE_IMAGE
from tests.lab.gpu import HOLD, Gpu, Gpus

OWN_IMAGE: Final = f"{PROJECT}/alpha:latest"

GREEDY_WHEN_TOLD: Final = """
import signal
def eat(*_): globals().update(eaten=b"x" * 10**9)
signal.signal(signal.SIGUSR1, eat)
while True: signal.pause()
"""
"""A main process that takes more memory than there is when it gets SIGUSR1."""

GREEDY: Final = "python3 -c 'print(len(b\"x\" * 10**9))'"


# GPUs


def experiment_leaves_memory_held(stage: Stage) -> Ended:
    stage.start()
    ended = stage.run(LEAVE_BEHIND, HOLD, "5000")
    assert any(HOLD in one.command for one in ended.left)
    assert HOLD not in stage.processes()
    assert stage.run("true").succeeded
    return ended


def memory_is_held_by_an_unmarked_process(stage: Stage) -> None:
    stage.start()
    stage.hold(5000)


def a_little_memory_is_held(stage: Stage) -> Ended:
    stage.start()
    stage.run(LEAVE_BEHIND, HOLD, "500")
    ended = stage.run("true")
    stage.look()
    return ended


def gpu_is_lost(stage: Stage) -> None:
    stage.start()
    stage.bench.show(Gpus((GPU_A, Gpu(GPU_B.uuid, error=15))))


def gpu_must_be_reset(stage: Stage) -> None:
    stage.start()
    stage.bench.show(Gpus((GPU_A, Gpu(GPU_B.uuid, error=16))))


def access_is_lost(stage: Stage) -> None:
    stage.start()
    stage.bench.show(Gpus(init=999), then=[Gpus(init=999), Gpus()])


def a_gpu_disappears(stage: Stage) -> None:
    stage.start()
    stage.bench.show(Gpus((GPU_A,)), then=[Gpus()])


def a_stranger_comes_and_goes(stage: Stage) -> Ended:
    stage.start()
    with stage.events(event="exec_die") as look_ended:
        stage.bench.show(Gpus((Gpu(GPU_A.uuid, processes=((2**22 + 1, 5000),)), GPU_B)))
        stage.look()
        ended: list[Ended] = []
        with stage.meanwhile(lambda: ended.append(stage.run("true"))):
            look_ended()
            look_ended()
            look_ended()  # by now a dispatch waits
            stage.bench.show(Gpus())
    return ended[0]


def nobody_can_look(stage: Stage) -> Ended:
    stage.bench.show(Gpus(library=False))
    stage.start()
    stage.run("true")
    ended = stage.run("true")
    stage.look()
    return ended


def the_hook_fails(stage: Stage) -> None:
    stage.bench.show(Gpus(hook_error="initialization error: nvml error: driver not loaded"))
    with pytest.raises(StartError, match="driver not loaded"):
        stage.start()


# Deaths


def killed_while_idle(stage: Stage) -> None:
    stage.start()
    stage.docker("kill", stage.id)


def killed_while_busy(stage: Stage) -> Ended:
    stage.start()
    with stage.running() as ended:
        stage.docker("kill", stage.id)
    return ended[0]


def main_process_out_of_memory(stage: Stage) -> None:
    stage.start()
    stage.docker("kill", "--signal=USR1", stage.id)


def experiment_out_of_memory(stage: Stage) -> Ended:
    stage.start()
    return stage.run(GREEDY)


def killed_after_experiment_out_of_memory(stage: Stage) -> Ended:
    stage.start()
    ended = stage.run(GREEDY)
    stage.docker("kill", stage.id)
    return ended


def removed_while_idle(stage: Stage) -> None:
    stage.start()
    stage.docker("rm", "--force", stage.id)


def removed_while_busy(stage: Stage) -> Ended:
    stage.start()
    with stage.running() as ended:
        stage.docker("rm", "--force", stage.id)
    return ended[0]


def restarted_while_idle(stage: Stage) -> None:
    stage.start()
    stage.docker("restart", "--time=0", stage.id)


def image_is_gone(stage: Stage) -> None:
    stage.docker("tag", BASE_IMAGE, OWN_IMAGE)
    stage.start()
    stage.docker("image", "rm", "--force", OWN_IMAGE)
    stage.docker("pause", stage.id)


# Pauses and health checks


def paused_while_idle(stage: Stage) -> None:
    stage.start()
    stage.docker("pause", stage.id)


def paused_while_busy(stage: Stage) -> Ended:
    stage.start()
    with stage.running("while :; do echo; sleep 0.1; done", silence_s=1) as ended:
        stage.docker("pause", stage.id)
    return ended[0]


def sick_while_idle(stage: Stage) -> None:
    stage.start()
    stage.inside("touch /flag/sick")


def its_check_cannot_be_run(stage: Stage) -> None:
    with pytest.raises(StartError, match="name a program that is in the image"):
        stage.start()


def sick_from_an_experiment_on(stage: Stage) -> Ended:
    stage.start()
    with stage.running("until test -e /flag/over; do sleep 0.05; done") as ended:
        stage.inside("touch /flag/sick")
        stage.inside("touch /flag/over")
    return ended[0]


def sick_for_a_while_while_busy(stage: Stage) -> Ended:
    stage.start()
    with (
        stage.running("until test -e /flag/over; do sleep 0.05; done") as ended,
        stage.events(event="health_status") as health_changed,
    ):
        stage.inside("touch /flag/sick")
        health_changed()
        stage.inside("rm /flag/sick")
        health_changed()
        stage.inside("touch /flag/over")
    return ended[0]


def sick_at_the_end(stage: Stage) -> Ended:
    stage.start()
    with (
        stage.running("until test -e /flag/over; do sleep 0.05; done") as ended,
        stage.events(event="health_status") as health_changed,
    ):
        stage.inside("touch /flag/sick")
        health_changed()
        stage.inside("touch /flag/over")
    return ended[0]


# Limits


def ignores_term(stage: Stage) -> Ended:
    stage.start()
    return stage.run('trap "" TERM; while :; do sleep 0.1; done', timeout_s=0.5, grace_s=0.5)


def grandchild_at_the_time_limit(stage: Stage) -> Ended:
    stage.start()
    ended = stage.run("(setsid sleep 4321 &); exec sleep 1234", timeout_s=1)
    assert "4321" not in stage.processes()
    return ended


def silent(stage: Stage) -> Ended:
    stage.start()
    return stage.run("exec sleep 600", silence_s=0.5)
