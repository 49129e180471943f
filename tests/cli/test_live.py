"""What is seen of a campaign while it runs: by its own terminal, and by another one."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import re
import select
import subprocess
import sys
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path

import pytest
from click.testing import CliRunner
from rich.console import Console

from engine.campaign.events import AttemptEnded, Event
from engine.campaign.execution.runner import CampaignRunner
from engine.campaign.model import Campaign, Experiment
from engine.campaign.persistence.results import Results, read_records
from engine.campaign.resumption.resume import journaled
from engine.campaign.runs.plan import plan
from engine.campaign.snapshot import BackendScene, Scene, of_journal, of_runner
from engine.cli.output.dashboard import Picture
from engine.cli.output.live import live
from engine.cli.program import cli
from engine.journal import FILE_NAME, Journal
from engine.model.results import GpuLook, Transition
from engine.model.spec import Project, ServiceSpec
from engine.ownership.owner import Owner
from engine.spool import Spool
from engine.util.redaction import Secrets
from tests.fake_runtime import FakeRuntime
from tests.report.written import HOSTILE
from tests.report.written import campaign as written

ROOT = Path(__file__).parents[2]
AT = datetime(2026, 1, 31, 10, 15, tzinfo=UTC)

SCENE = Scene(
    campaign="small",
    backends=(
        BackendScene(
            name="pytorch",
            state="busy",
            for_s=75,
            generation=2,
            settled=3,
            runs=10,
            restarts_left=2,
            run="pytorch-matmul-r2",
            run_s=74.5,
            last_line="step 7: loss 0.25",
            look=GpuLook(AT, "pytorch", 2, "ok", "OK", 3 * 2**30, 80 * 2**30, 2**30),
        ),
        BackendScene(
            name="vllm",
            state="exhausted",
            for_s=3.0,
            generation=4,
            runs=10,
            restarts_left=0,
            reason="the restart budget is spent (3): its container was killed from outside",
        ),
    ),
    counts={"completed": 2, "failed": 1},
    runs=20,
    eta_s=615,
)


STYLE = r"\x1b\[[\d;]*m"
COLOUR = r"\x1b\[(?:\d+;)*3[0-7](?:;\d+)*m"


def drawn(scene: Scene, width: int) -> str:
    console = Console(file=StringIO(), width=width, record=True)
    console.print(Picture(scene))
    return console.export_text()


def on_a_terminal(scene: Scene) -> str:
    stream = StringIO()
    console = Console(file=stream, width=80, force_terminal=True, color_system="standard")
    console.print(Picture(scene))
    return stream.getvalue()


class TestPicture:
    @pytest.mark.parametrize("width", [40, 60, 80, 100, 120])
    def test_everything_is_there_at_any_width(self, width: int) -> None:
        text = drawn(SCENE, width)
        assert all(len(line) <= width for line in text.splitlines())
        for words in ("pytorch", "busy", "1 min 15 s", "exhausted", "3/10", "3.0/80", "3/20"):
            assert words in text
        for words in ("pytorch-matmul-r2", "1 min 14 s", "step 7: loss 0.25", "the restart budget"):
            assert words in text
        assert "1 failed" in text
        assert "10 min 15 s" in " ".join(text.split())

    def test_restarts_left_and_starts(self) -> None:
        assert "2 restarts left" in drawn(SCENE, 40)
        wide = drawn(SCENE, 120).splitlines()
        assert (
            " ".join(wide[0].split())
            == "backend state for start GPU GiB experiment since done left"
        )
        assert wide[1].split()[-1] == "2"

    def test_without_gpus_there_is_no_column_for_them(self) -> None:
        assert "GPU" not in drawn(Scene("c", (SCENE.backends[1],), {}, 10), 120)

    def test_no_colour_says_the_same(self, monkeypatch: pytest.MonkeyPatch) -> None:
        coloured = on_a_terminal(SCENE)
        monkeypatch.setenv("NO_COLOR", "1")
        plain = on_a_terminal(SCENE)
        assert re.search(COLOUR, coloured)
        assert not re.search(COLOUR, plain)
        words = [re.sub(rf"{STYLE}|[\u2500-\u257f]", " ", one).split() for one in (plain, coloured)]
        assert words[0] == words[1]

    @pytest.mark.parametrize("width", [40, 120])
    def test_output_steers_no_terminal(self, width: int) -> None:
        one = BackendScene("b", "busy", runs=1, run="r", last_line=HOSTILE, reason=HOSTILE)
        text = drawn(Scene("c", (one,), {}, 1), width)
        assert "\x1b" not in text
        assert "\u202e" not in text


def small(folder: Path) -> tuple[Campaign, Project]:
    project = Project("p", folder, (folder / "c.yml",), {"alpha": ServiceSpec("alpha")})
    experiments = tuple(Experiment(name, ("alpha",), ("run",)) for name in "xy")
    files = (folder / "c.yml",)
    return Campaign("c.yml", "c", files, folder / "results", experiments), project


def test_the_runner_and_its_journal_show_the_same(tmp_path: Path) -> None:
    campaign, project = small(tmp_path)
    scenes: dict[str, tuple[Scene, Scene]] = {}

    async def run() -> str:
        stream, fake = StringIO(), FakeRuntime()
        fake.will("execute", "alpha", 3)
        with (
            Results.create(campaign.results, datetime.now(UTC)) as results,
            Journal.create(results.folder / FILE_NAME, campaign="c", durable=False) as journal,
        ):
            runs = plan(campaign)
            journal.plan(journaled(runs))
            runner = CampaignRunner(campaign, project, fake, runs, results, journal)

            def look(event: Event) -> None:
                if isinstance(event, Transition) and event.target == "busy":
                    when = f"busy with {event.reason}"
                    written = Spool(results.folder, "alpha").folder / event.reason
                    (written / "stdout").write_text(f"{event.reason} says\n\n")
                elif isinstance(event, AttemptEnded):
                    when = f"after {event.run.id}"
                else:
                    return
                own = of_runner(runner, asyncio.get_running_loop().time())
                own = own.with_lines(results.secrets)
                scenes[when] = own, of_journal(journal, datetime.now(UTC), Secrets())

            runner.on_event(look)
            async with live(runner, stream):
                await runner.run()
        return stream.getvalue()

    said = asyncio.run(run())
    assert "alpha-x failed: exit code 3" in said
    for own, seen in scenes.values():
        assert (own.counts, own.runs) == (seen.counts, seen.runs)
        for mine, theirs in zip(own.backends, seen.backends, strict=True):
            for name in ("name", "state", "generation", "settled", "runs", "restarts_left", "run"):
                assert getattr(mine, name) == getattr(theirs, name), name
            assert mine.last_line == theirs.last_line
    running, _ = scenes["busy with alpha-x.1"]
    assert (running.backends[0].run, running.settled) == ("alpha-x", 0)
    assert running.backends[0].last_line == "alpha-x.1 says"
    _, done = scenes["after alpha-y"]
    assert done.counts == {"completed": 1, "failed": 1}


class TestWatch:
    def ask(self, *arguments: object) -> str:
        done = CliRunner().invoke(cli, ["watch", *map(str, arguments)], standalone_mode=False)
        assert done.exception is None
        return done.output

    def test_a_run_that_has_ended(self, tmp_path: Path) -> None:
        said = self.ask(written(tmp_path, 90))
        assert "12 failed" in said
        assert "it ended at" in said

    def test_once(self, tmp_path: Path) -> None:
        assert "it ended" not in self.ask("--once", written(tmp_path, 9))

    def test_a_controller_that_has_died(self, tmp_path: Path) -> None:
        owner = Owner("here", "other boot", 1, "1")
        here = Owner(Owner.current().host, owner.boot_id, owner.pid, owner.started)
        journal = Journal.create(tmp_path / FILE_NAME, campaign="c", owner=here, durable=False)
        assert "is gone; run it again" in self.ask(journal.path)
        journal.close()

    def test_time_in_a_state_and_what_is_left(self, tmp_path: Path) -> None:
        with Journal.read(written(tmp_path, 9)) as reader:
            last = max(one.transition.at for one in reader.transitions("pytorch"))
            scene = of_journal(reader, last + timedelta(seconds=5), Secrets())
        assert scene.backends[0].for_s == 5
        assert scene.eta_s is None

    def test_follows_a_run_on_a_terminal_to_its_end(self, tmp_path: Path) -> None:
        (tmp_path / "docker-compose.yml").write_text("services: {alpha: {image: none}}")
        (tmp_path / "campaign.yml").write_text(
            "{name: c, runtime: process, experiments: [{name: x, backend: alpha,"
            " command: [sh, -c, 'echo it runs; read go <go']}]}"
        )
        os.mkfifo(tmp_path / "go")
        dockwarden = [sys.executable, "-c", "from engine.cli import main; main()"]
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "70", "TERM": "xterm"}
        run = subprocess.Popen(
            [*dockwarden, "run", "-q", str(tmp_path / "campaign.yml")],
            env=environment,
            stdout=subprocess.DEVNULL,
        )
        # The fifo opens once the experiment reads it; only then is there something to watch.
        with (tmp_path / "go").open("w") as go:
            ours, theirs = pty.openpty()
            watch = subprocess.Popen(
                [*dockwarden, "watch", str(tmp_path / "results" / "c")],
                env=environment,
                stdin=theirs,
                stdout=theirs,
                stderr=theirs,
            )
            os.close(theirs)
            seen = read_until(ours, b"it runs")
            assert b"busy" in seen
            go.write("on\n")
        seen = read_until(ours, b"it ended at")
        assert b"1 completed" in seen
        assert (watch.wait(60), run.wait(60)) == (0, 0)
        os.close(ours)


def test_a_pipe_in_the_place_of_output_holds_up_neither_view(tmp_path: Path) -> None:
    """Opening it would wait for a writer, and there is none."""
    (tmp_path / "docker-compose.yml").write_text("services: {alpha: {image: none}}")
    plant = "s=$(readlink /proc/$$/fd/1); rm $s; mkfifo $s; read go <go"
    experiment = {"name": "x", "backend": "alpha", "command": ["sh", "-c", plant]}
    campaign = {"name": "c", "runtime": "process", "experiments": [experiment]}
    (tmp_path / "campaign.yml").write_text(json.dumps(campaign))
    os.mkfifo(tmp_path / "go")
    dockwarden = [sys.executable, "-c", "from engine.cli import main; main()"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "100", "TERM": "xterm"}
    ours, theirs = pty.openpty()
    run = subprocess.Popen(
        [*dockwarden, "run", str(tmp_path / "campaign.yml")],
        env=environment,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    results = tmp_path / "results" / "c"
    with (tmp_path / "go").open("w") as go:  # opens once the pipe is in its place
        read_until(ours, b"busy")
        for _ in range(3):  # it is drawn again and again
            read_until(ours, b"alpha-x")
        watch = [*dockwarden, "watch", "--once", str(results)]
        seen = subprocess.run(watch, env=environment, capture_output=True, timeout=60, check=True)
        assert b"busy" in seen.stdout
        go.write("on\n")
    with suppress(OSError):  # what is left of it, until no process writes to the terminal any more
        while os.read(ours, 4096):
            pass
    os.close(ours)
    assert run.wait(60) == 1
    (record,) = read_records(results / "latest" / "results.jsonl")
    assert (record.ending, record.exit_code) == ("output", 0)
    assert "its stdout was replaced: it is a pipe" in record.reason


def read_until(terminal: int, words: bytes) -> bytes:
    """What a terminal shows, up to these words."""
    seen = b""
    while words not in seen:
        ready, _, _ = select.select([terminal], [], [], 60)
        assert ready, f"nothing more is shown after {seen!r}"
        seen += os.read(terminal, 4096)
    return seen
