"""All benchmarks, and what each of them is to reach."""

from __future__ import annotations

from typing import Final

from benchmarks.measure import Benchmark, at_most, more, times_less, under
from benchmarks.scenes import (
    campaign,
    dispatch,
    faults,
    idle,
    imports,
    machine,
    many,
    simulated,
    start,
    start_checked,
    verify,
)

__all__ = ["BENCHMARKS"]

BENCHMARKS: Final = (
    Benchmark(
        "dispatch",
        "one no-op experiment, with table, journal and records",
        dispatch.dispatch,
        rounds=16,
        goals=(
            at_most(1.05, dispatch.OURS, dispatch.BARE, floor=dispatch.SAFE),
            times_less(3, dispatch.OURS, dispatch.WHALES, floor=dispatch.BARE),
            times_less(3, dispatch.OURS, dispatch.COMPOSE_EXEC, floor=dispatch.BARE),
            times_less(10, dispatch.OURS, dispatch.COMPOSE_RUN, floor=dispatch.BARE),
        ),
        note=(
            "dispatching by exec always takes at least what the engine takes for one, so *at best* gives"
            " what the bare SDK reached against the same peers in the same rounds; against the bare SDK"
            " itself it gives what that took for the least that loses nothing: a shell that notes the exit"
            " code, and one sync each of a record and of a journal, while the exec is being created."
        ),
    ),
    Benchmark(
        "campaign",
        "60 short experiments on 3 backends, side by side, from the command to its last line",
        campaign.campaign,
        rounds=3,
        warm_up=False,
        goals=(
            at_most(1.0, campaign.OURS, campaign.EXEC_LOOP),
            times_less(3, campaign.OURS, campaign.RUN_LOOP),
        ),
    ),
    Benchmark(
        "faults",
        "a container that is killed from outside",
        faults.faults,
        rounds=6,
        goals=(
            at_most(1.5, faults.UNHEALTHY, faults.DIE),
            times_less(20, faults.UNHEALTHY, faults.POLL, word="sooner"),
            at_most(1.1, faults.AGAIN, faults.RESTART),
        ),
    ),
    Benchmark(
        "start",
        "3 backends, up and down again",
        start.start,
        rounds=12,
        goals=(
            at_most(1.0, start.START, start.UP),
            at_most(1.0, start.TEARDOWN, start.DOWN),
        ),
    ),
    Benchmark(
        "start-checked",
        "a service with a health check every 30 s, up and restarted",
        start_checked.start_checked,
        rounds=3,
        warm_up=False,
        goals=(
            at_most(0.15, start_checked.START, start_checked.UP),
            at_most(0.15, start_checked.RESTART, start_checked.COMPOSE_RESTART),
        ),
        note=(
            "the engine runs a check for the first time after its interval, so Compose always waits for half a minute."
            " The restart of the manager gives the container the grace that its file says."
        ),
    ),
    Benchmark(
        "idle",
        "a controller while an experiment runs, for a minute",
        idle.idle,
        rounds=1,
        warm_up=False,
        goals=(
            under(0.05, f"{idle.CPU}: {idle.OURS}", "% of a core"),
            at_most(0.1, f"{idle.CPU}: {idle.OURS}", f"{idle.CPU}: {idle.POLLING}"),
            more(6, f"{idle.WAKE_UPS}: {idle.OURS}", f"{idle.WAKE_UPS}: {idle.BLOCKED}"),
            at_most(0.1, f"{idle.WAKE_UPS}: {idle.OURS}", f"{idle.WAKE_UPS}: {idle.POLLING}"),
            under(1, f"{idle.EXECS}: {idle.OURS}", "execs"),
        ),
    ),
    Benchmark(
        "simulated",
        "long campaigns on the simulated runtime",
        simulated.simulated,
        rounds=2,
        warm_up=False,
        note=(
            "without the sync, the folder lies in memory, and the figure is the processor's time: that of"
            " the engine, the journal's rows and the records. What memory grows by is the plan: its"
            " experiments, and how far each of its runs has come."
        ),
        goals=(
            *(
                at_most(1.2, f"{simulated.EACH} {size}", f"{simulated.EACH} {simulated.SIZES[0]}")
                for size in simulated.SIZES[1:]
            ),
            *(under(0.001, f"{simulated.UNSYNCED} {size}", "s") for size in simulated.SIZES[1:]),
            at_most(
                1.5,
                f"{simulated.MEMORY} {simulated.SIZES[2]}",
                f"{simulated.MEMORY} {simulated.SIZES[1]}",
            ),
        ),
    ),
    Benchmark(
        "machine",
        "the machine alone, per event and per backend",
        machine.machine,
        rounds=20,
        goals=(
            at_most(1.3, f"time: {machine.OURS}", f"time: {machine.PEERS[0]}"),
            *(at_most(0.5, f"memory: {machine.OURS}", f"memory: {peer}") for peer in machine.PEERS),
        ),
    ),
    Benchmark(
        "verify",
        "the proof of the backend's lifecycle",
        verify.verify,
        rounds=3,
        goals=(
            under(20, f"{verify.SECONDS} 3", "s of processor time"),
            *(
                at_most(1.0, f"{verify.PER_STATE} {number}", f"{verify.PER_STATE} 1")
                for number in (2, 3)
            ),
        ),
    ),
    Benchmark(
        "imports",
        "a new interpreter",
        imports.imports,
        rounds=10,
        goals=(
            at_most(1.0, imports.IMPORT, imports.DOCKER),
            at_most(1.0, imports.HELP, imports.DOCKER),
        ),
    ),
    Benchmark(
        "many",
        "50 backends on one engine beside 10",
        many.many,
        rounds=2,
        warm_up=False,
        goals=tuple(
            at_most(limit, f"{what}: {many.MANY}", f"{what}: {many.FEW}")
            for what, limit in many.LIMITS.items()
        ),
    ),
)
"""In the order in which they run."""
