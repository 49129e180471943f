"""How commands behave in the containers of any runtime: what they get and give, and how they end."""
# ruff: noqa: PLR2004 - these are tests, which users import

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Final

import pytest
from attrs import evolve

from engine.errors import ContainerLost
from engine.runtimes.base import Attributing, Happening
from engine.testing.conformance.harness import Harness, scenario
from engine.testing.conformance.rig import Rig, output
from engine.testing.conformance.scripts import (
    ARGUMENTS,
    BINARY,
    ENDS_BY_KILL,
    ENVIRONMENT,
    EXITS,
    IGNORES_TERM,
    LEAVES,
    MUCH,
    PARENT_OF_A_SESSION,
    PASSES,
    READS_INPUT,
    SPEAKS_TWICE,
    STAYS,
    WHERE,
    WRITES,
    Script,
)
from engine.util.clock import utc_now

__all__ = ["CommandBehaviour"]

_CLOCK: Final = timedelta(milliseconds=20)
"""By so much the time of a file may be off: the kernel takes it at its ticks."""

_AWKWARD = (
    "two words",
    "it's",
    'a "quote"',
    "line\nbreak",
    "$HOME",
    "`id`",
    "back\\slash",
    "*",
    "",
    "-x",
    "naïve 漢字 🙂",
)


class _NotDone(Exception):
    """The preparation before a command failed."""


class CommandBehaviour(Harness):
    """The life of a command."""

    # What a command is given, and what it gives

    @pytest.mark.parametrize("code", [0, 1, 3, 137])
    @scenario
    async def test_the_exit_code_comes_back(self, rig: Rig, code: int) -> None:
        container = await rig.ready("one")
        assert (await rig.do(container, EXITS, str(code))).exit_code == code

    @scenario
    async def test_a_command_ended_by_a_signal_gives_128_and_its_number(self, rig: Rig) -> None:
        container = await rig.ready("one")
        assert (await rig.do(container, ENDS_BY_KILL)).exit_code == 137

    @scenario
    async def test_when_a_command_itself_ran_lies_within_its_call_or_is_not_told(
        self, rig: Rig
    ) -> None:
        container = await rig.ready("one")
        request = rig.request(container, *self.spell(PASSES))
        before = utc_now() - _CLOCK
        ran = (await rig.runtime.execute(container, request)).ran
        if ran is not None:
            assert before <= ran.began_at <= ran.ended_at <= utc_now() + _CLOCK

    @scenario
    async def test_stdout_and_stderr_come_apart(self, rig: Rig) -> None:
        container = await rig.ready("one")
        done = await rig.do(container, SPEAKS_TWICE)
        assert (done.stdout, done.stderr) == (b"out\n", b"err\n")

    @scenario
    async def test_binary_output_comes_byte_for_byte(self, rig: Rig) -> None:
        container = await rig.ready("one")
        assert (await rig.do(container, BINARY)).stdout == bytes(range(256)) * 4

    @scenario
    async def test_output_without_a_newline_is_kept(self, rig: Rig) -> None:
        container = await rig.ready("one")
        assert (await rig.do(container, WRITES, "last")).stdout == b"last"

    @scenario
    async def test_much_output_is_complete(self, rig: Rig) -> None:
        container = await rig.ready("one")
        done = await rig.do(container, MUCH)
        assert done.stdout == b"".join(b"%07d\n" % n for n in range(5 * 2**17))

    @scenario
    async def test_what_is_to_be_done_before_a_command_is_done_once_before_it(
        self, rig: Rig
    ) -> None:
        container = await rig.ready("one")
        request = rig.request(container, *self.spell(SPEAKS_TWICE))
        seen: list[bytes] = []
        request = evolve(request, before=lambda: seen.append(output(request)))
        done = await rig.run(container, request)
        assert (seen, done.stdout) == ([b""], b"out\n")

    @scenario
    async def test_where_it_cannot_be_done_the_command_does_not_run(self, rig: Rig) -> None:
        def fails() -> None:
            raise _NotDone

        container = await rig.ready("one")
        request = rig.request(container, *self.spell(SPEAKS_TWICE))
        with pytest.raises(_NotDone):
            await rig.runtime.execute(container, evolve(request, before=fails))
        assert (await rig.do(container, PASSES)).exit_code == 0
        assert output(request) == b""

    @scenario
    async def test_a_silent_command_leaves_empty_files(self, rig: Rig) -> None:
        container = await rig.ready("one")
        request = rig.request(container, *self.spell(PASSES))
        done = await rig.run(container, request)
        assert (done.exit_code, done.stdout, done.stderr) == (0, b"", b"")
        assert (request.folder / "stdout").exists()
        assert (request.folder / "stderr").exists()

    @scenario
    async def test_arguments_arrive_as_given(self, rig: Rig) -> None:
        container = await rig.ready("one")
        done = await rig.do(container, ARGUMENTS, *_AWKWARD)
        assert done.stdout.decode().split("\0") == list(_AWKWARD)

    @scenario
    async def test_the_requests_environment_is_added_to_the_services(self, rig: Rig) -> None:
        container = await rig.ready("placed")
        request = rig.request(
            container,
            *self.spell(ENVIRONMENT, "OF_SERVICE", "OF_BOTH", "OF_REQUEST"),
            environment={"OF_BOTH": "request", "OF_REQUEST": "a=b $c"},
        )
        assert (await rig.run(container, request)).stdout == b"service\nrequest\na=b $c\n"

    @pytest.mark.parametrize(("working_dir", "at"), [(None, "inner"), ("/data/other", "other")])
    @scenario
    async def test_a_command_runs_in_its_working_directory(
        self, rig: Rig, working_dir: str | None, at: str
    ) -> None:
        (rig.folder / "shared" / "other").mkdir()
        container = await rig.ready("placed")
        request = rig.request(container, *self.spell(WHERE), working_dir=working_dir)
        assert (await rig.run(container, request)).stdout.decode().strip() == at

    @scenario
    async def test_the_input_of_a_command_is_empty(self, rig: Rig) -> None:
        container = await rig.ready("one")
        assert (await rig.do(container, READS_INPUT)).stdout == b"0\n"

    @scenario
    async def test_a_command_that_is_not_found_gives_127(self, rig: Rig) -> None:
        container = await rig.ready("one")
        done = await rig.run(container, rig.request(container, "no-such-command"))
        assert done.exit_code == 127
        assert b"no-such-command" in done.stderr

    @scenario
    async def test_a_command_that_is_not_executable_gives_126(self, rig: Rig) -> None:
        container = await rig.ready("one")
        done = await rig.run(container, rig.request(container, "/etc/passwd"))
        assert done.exit_code == 126
        assert b"/etc/passwd" in done.stderr

    # While a command runs

    @scenario
    async def test_output_is_in_the_file_while_the_command_runs(self, rig: Rig) -> None:
        container = await rig.ready("one")
        request, task = await rig.begin(container, STAYS)
        assert output(request) == b"ready\n"
        assert not task.done()
        assert await rig.runtime.kill(container, request, grace_s=10)
        assert (await task).exit_code == 143

    @scenario
    async def test_its_processes_are_told_from_those_of_the_service(self, rig: Rig) -> None:
        if not isinstance(rig.runtime, Attributing):
            pytest.skip(f"the runtime {rig.runtime.name} does not distinguish processes")
        container = await rig.ready("one")
        before = await rig.runtime.processes(container)
        assert before is not None
        assert before.service
        assert before.only_service
        request, task = await rig.begin(container, STAYS)
        beside = await rig.runtime.processes(container)
        assert beside is not None
        assert beside.service == before.service
        assert not beside.only_service
        assert await rig.runtime.kill(container, request, grace_s=10)
        await task

    @scenario
    async def test_two_backends_work_side_by_side(self, rig: Rig) -> None:
        one, two = await rig.ready("one"), await rig.ready("two")
        first, first_task = await rig.begin(one, STAYS)
        _, second_task = await rig.begin(two, STAYS)
        assert await rig.runtime.kill(one, first, grace_s=10)
        await first_task
        assert not second_task.done()
        assert (await rig.do(one, PASSES)).exit_code == 0
        await rig.runtime.remove("two", grace_s=0)
        with pytest.raises(ContainerLost):
            await second_task

    @scenario
    async def test_the_death_of_the_container_under_a_command_is_told(self, rig: Rig) -> None:
        container = await rig.ready("one")
        _, task = await rig.begin(container, STAYS)
        await self.kill_main_process(container)
        with pytest.raises(ContainerLost):
            await task
        await rig.until_noticed(Happening.DIED, container)

    @scenario
    async def test_a_cancelled_wait_leaves_the_command_running(
        self, rig: Rig, tmp_path: Path
    ) -> None:
        container = await rig.ready("one")
        request, task = await rig.begin(container, STAYS, tmp_path.name)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await rig.survivors(container, tmp_path.name)
        assert await rig.runtime.kill(container, request, grace_s=10)
        assert not await rig.survivors(container, tmp_path.name)

    # Kill

    @pytest.mark.parametrize("tree", [IGNORES_TERM, PARENT_OF_A_SESSION], ids=lambda one: one.name)
    @scenario
    async def test_kill_ends_the_whole_tree(self, rig: Rig, tmp_path: Path, tree: Script) -> None:
        container = await rig.ready("one")
        request, task = await rig.begin(container, tree, tmp_path.name)
        assert await rig.survivors(container, tmp_path.name)
        assert await rig.runtime.kill(container, request, grace_s=0.5)
        assert not await rig.survivors(container, tmp_path.name)
        assert (await task).exit_code in {137, 143}

    @scenario
    async def test_an_end_by_kill_is_told_from_one_by_itself(self, rig: Rig) -> None:
        container = await rig.ready("one")
        request, task = await rig.begin(container, STAYS)
        assert await rig.runtime.kill(container, request, grace_s=10)
        assert not (await task).by_itself
        assert (await rig.do(container, ENDS_BY_KILL)).by_itself

    @scenario
    async def test_kill_leaves_other_commands_alone(self, rig: Rig, tmp_path: Path) -> None:
        container = await rig.ready("one")
        request, task = await rig.begin(container, STAYS)
        other, other_task = await rig.begin(container, STAYS, tmp_path.name)
        assert await rig.runtime.kill(container, request, grace_s=10)
        await task
        assert await rig.survivors(container, tmp_path.name)
        assert await rig.runtime.kill(container, other, grace_s=10)
        await other_task

    @scenario
    async def test_kill_of_a_finished_command_is_harmless(self, rig: Rig) -> None:
        container = await rig.ready("one")
        request = rig.request(container, *self.spell(PASSES))
        await rig.run(container, request)
        assert await rig.runtime.kill(container, request, grace_s=0)
        assert (await rig.do(container, PASSES)).exit_code == 0

    # What a command leaves running

    @scenario
    async def test_what_a_command_leaves_running_is_seen_and_ended(
        self, rig: Rig, tmp_path: Path
    ) -> None:
        container = await rig.ready("one")
        request = rig.request(container, *self.spell(LEAVES, tmp_path.name))
        assert (await rig.run(container, request)).exit_code == 0
        assert len(await rig.runtime.leftovers(container, request)) == 1
        assert await rig.survivors(container, tmp_path.name)
        assert await rig.runtime.kill(container, request, grace_s=1)
        assert await rig.runtime.leftovers(container, request) == ()
        assert not await rig.survivors(container, tmp_path.name)

    @scenario
    async def test_a_command_that_leaves_nothing_running_has_no_leftovers(self, rig: Rig) -> None:
        container = await rig.ready("one")
        request = rig.request(container, *self.spell(PASSES))
        await rig.run(container, request)
        assert await rig.runtime.leftovers(container, request) == ()
