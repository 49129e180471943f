"""No control sequence of containers, labels, images, compose files and errors is printed.

Each command is driven with hostile names, labels, output and errors, and the bytes that it writes are checked.
"""

from __future__ import annotations

import ast
import csv
import http.server
import io
import json
import os
import pty
import re
import socketserver
import subprocess
import sys
import threading
import unicodedata
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pytest

from engine.campaign.persistence.results import RESULTS
from engine.campaign.runs.attempt_record import AttemptRecord
from engine.journal import FILE_NAME, Journal, Run
from engine.model.results import Transition
from engine.runtimes.docker.daemon.client import connect
from engine.util.printable import printable, printable_cell, printable_lines
from tests.lab import BASE_IMAGE, Engine

ROOT: Final = Path(__file__).parents[2]
RUN: Final = [sys.executable, "-c", "from engine.cli import main; main()"]

WITHOUT_BREAKS: Final = "x\x1b]0;owned\x07\x1b[2J\x9b31m\x9d0;owned\x9c\x7f\x08\u202e\u2066\u200b\u2028\ufeff\U000e0041y"
"""Sets a terminal's title and clears it, by C0 and by C1; deletes, reorders and hides."""
HOSTILE: Final = f"{WITHOUT_BREAKS}\r\nforged: all is well\x0b\x0c"
MARKER: Final = "owned"
"""A harmless part of it, which is to be seen: what is hostile is filtered, not hidden."""

STYLING: Final = re.compile(rb"\x1b\[(?:[0-9;]*m|\?25[lh]|[0-9]*[ABCDGK]|H)")
"""What rich itself writes to a terminal: colours, the cursor, cleared lines."""


def assert_harmless(written: bytes) -> None:
    """See that text steers no terminal: line feeds and tabs are all that is not drawn."""
    wrong = {
        f"U+{ord(one):04X}"
        for one in written.decode("utf-8")
        if unicodedata.category(one) in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
        and one not in "\n\t"
    }
    assert not wrong, written


def run(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[bytes]:
    """Run a command, and see that all that it writes is harmless, and no traceback."""
    done = subprocess.run(
        [*RUN, *map(str, arguments)],
        capture_output=True,
        check=False,
        cwd=ROOT,
        env={**os.environ, **environment},
    )
    assert_harmless(done.stdout)
    assert_harmless(done.stderr)
    assert b"Traceback" not in done.stderr
    return done


def on_terminal(*arguments: str | Path) -> bytes:
    """What a command writes to a terminal, without colours and moves of the cursor."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [*RUN, *map(str, arguments)], stdin=theirs, stdout=theirs, stderr=theirs, cwd=ROOT
    )
    os.close(theirs)
    written = b""
    try:
        while some := os.read(ours, 2**16):
            written += some
    except OSError:  # the last one on the terminal has gone
        pass
    os.close(ours)
    process.wait()
    return STYLING.sub(b"", written).replace(b"\r\n", b"\n").replace(b"\r", b"")


class TestTheFilter:
    @pytest.mark.parametrize("code", [*range(0x20), *range(0x7F, 0xA0), 0x202E, 0x2066, 0xD800])
    def test_leaves_no_control_character(self, code: int) -> None:
        assert printable(f"a{chr(code)}b") == "a b"

    def test_leaves_words_in_any_script(self) -> None:
        assert printable("größe, 大小, размер: 1 µs") == "größe, 大小, размер: 1 µs"

    def test_keeps_line_feeds_and_tabs_where_lines_are_meant(self) -> None:
        assert printable_lines("a\tb\r\n\x1bc\n") == "a\tb \n c\n"

    @pytest.mark.parametrize("cell", ["=1", "+1", "-1", "@x", "\t=1", "\x00=1", "\uff1d1", " =1"])
    def test_puts_an_apostrophe_before_a_formula(self, cell: str) -> None:
        assert printable_cell(cell).startswith("'")


def test_nothing_in_the_command_line_prints_but_through_the_filter() -> None:
    found = []
    for file in sorted((ROOT / "engine/cli").rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call):
                name = ast.unparse(node.func)
                if name in {"print", "click.echo", "click.secho"} or name.endswith(".stdout.write"):
                    found.append(file.name)
    assert {*found} == {"messages.py"}


# What a journal tells


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """A folder of results whose every word is hostile."""
    at = datetime(2026, 1, 31, tzinfo=UTC)
    took = Transition(
        backend=HOSTILE,
        at=at,
        event="start",
        source="stopped",
        target="starting",
        action="launch",
        reason=HOSTILE,
        container_id=HOSTILE,
        generation=1,
    )
    file = tmp_path / FILE_NAME
    software = {HOSTILE: HOSTILE}
    with Journal.create(file, campaign=HOSTILE, software=software, durable=False) as journal:
        journal.plan([Run(HOSTILE, HOSTILE, HOSTILE)])
        journal.transition(took)
        journal.attempt_begun(HOSTILE, 1, backend=HOSTILE, request=HOSTILE, folder=HOSTILE, at=at)
        journal.attempt_ended(
            HOSTILE, 1, ending="lost", exit_code=None, reason=HOSTILE, duration_s=1.0, at=at
        )
        journal.outcome(HOSTILE, "failed", reason=HOSTILE)
    record = AttemptRecord(
        campaign=HOSTILE,
        experiment=HOSTILE,
        run=HOSTILE,
        backend=HOSTILE,
        cycle=1,
        repeat=1,
        attempt=1,
        command=(HOSTILE,),
        ending="lost",
        exit_code=None,
        reason=f"={HOSTILE}",
        started_at=at,
        ended_at=at,
        duration_s=1.0,
        image=f"@{HOSTILE}",
        stdout=f"+{HOSTILE}",
        stdout_lines=(HOSTILE,),
    )
    (tmp_path / RESULTS).write_text(record.to_json() + "\n")
    return tmp_path


@pytest.mark.parametrize(
    "arguments",
    [
        ("history",),
        ("history", "--json"),
        ("history", "--backend", "unknown"),
        ("watch", "--once"),
        ("report", "--format", "md"),
        ("report", "--format", "csv"),
        ("report", "--format", "json"),
        ("diagram", "--format", "mermaid", "--journal"),
        ("diagram", "--format", "dot", "--journal"),
        ("diagram", "--format", "json", "--journal"),
    ],
    ids=" ".join,
)
def test_of_a_journal_nothing_steers_the_terminal(
    results: Path, arguments: tuple[str, ...]
) -> None:
    done = run(*arguments, results)
    assert done.returncode in {0, 2}
    assert done.stdout or done.stderr


def test_on_a_terminal_a_watched_journal_steers_nothing(results: Path) -> None:
    written = on_terminal("watch", results)
    assert_harmless(written)
    assert MARKER.encode() in written


def test_no_cell_of_a_csv_is_a_formula_or_holds_a_control_character(results: Path) -> None:
    written = run("report", "--format", "csv", results).stdout.decode()
    (_, line) = csv.reader(io.StringIO(written))
    cells = [cell for cell in line if MARKER in cell]
    assert len(cells) > 4
    assert all(cell.isprintable() for cell in line)
    assert not [cell for cell in cells if cell[0] in "=+-@"]


def test_the_page_shows_no_text_in_another_order(results: Path) -> None:
    run("report", results)
    page = (results / "report.html").read_text()
    told = page.partition("<script")[0] + page.rpartition("</script>")[2]
    assert MARKER in told
    assert not {"\x1b", "\x9b", "\u202e", "\u2066"} & {*told}


def test_no_hostile_name_is_offered_to_a_shell(results: Path) -> None:
    words = {"COMP_WORDS": f"dockwarden history {results} --backend ", "COMP_CWORD": "4"}
    done = run(_DOCKWARDEN_COMPLETE="bash_complete", **words)
    assert MARKER.encode() not in done.stdout


# What files and arguments say


COMMANDS: Final = ("run", "watch", "report", "history", "status", "down", "doctor", "diagram")


@pytest.mark.parametrize("command", COMMANDS)
def test_an_argument_that_is_hostile_is_told_harmlessly(command: str, tmp_path: Path) -> None:
    done = run(command, tmp_path / HOSTILE.replace("/", "_"))
    assert done.returncode == 2


@pytest.mark.parametrize(
    ("campaign", "compose"),
    [
        ({HOSTILE: 1}, {}),
        ({"name": HOSTILE}, {}),
        ({"runtime": HOSTILE}, {}),
        ({"backends": {HOSTILE: {}}}, {}),
        ({"experiments": [{"name": "x", "backend": HOSTILE, "command": ["true"]}]}, {}),
        ({}, {"services": {HOSTILE: {"image": "none"}}}),
        ({}, {"services": {"alpha": {"image": "none", HOSTILE: 1}}}),
        ({}, {"services": {"alpha": {"image": "none", "privileged": HOSTILE}}}),
        ({}, {"services": {"alpha": {"image": "none", "depends_on": [HOSTILE]}}}),
        ({}, {"name": HOSTILE}),
    ],
)
@pytest.mark.parametrize("command", ["run", "doctor", "status"])
def test_a_file_that_is_hostile_is_refused_harmlessly(
    tmp_path: Path, campaign: dict[str, Any], compose: dict[str, Any], command: str
) -> None:
    services = {"services": {"alpha": {"image": "none"}}}
    (tmp_path / "docker-compose.yml").write_text(json.dumps({**services, **compose}))
    experiments = [{"name": "x", "backend": "alpha", "command": ["true"]}]
    plain = {"name": "c", "runtime": "process", "experiments": experiments}
    file = tmp_path / "campaign.yml"
    file.write_text(json.dumps({**plain, **campaign}))
    done = run(command, file)
    assert done.returncode == 2


# What runs


def campaign(folder: Path, *, runtime: str, **service: Any) -> Path:
    """A campaign with a backend whose main process writes what is hostile, and an experiment that does."""
    (folder / "hostile").write_text(HOSTILE)
    services = {
        "alpha": {"image": BASE_IMAGE, "stop_grace_period": "0s"},
        "ends": {
            "image": BASE_IMAGE,
            "command": ["sh", "-c", f"printf '%b' '{escaped(HOSTILE)}'; exit 3"],
            **service,
        },
    }
    compose = {"name": "dockwarden-hostile-text", "services": services}
    (folder / "docker-compose.yml").write_text(json.dumps(compose))
    says = ["sh", "-c", f"printf '%b' '{escaped(HOSTILE)}' | tee /dev/stderr; sleep 1; exit 3"]
    experiments = [
        {"name": "says", "backend": "alpha", "command": says},
        {"name": "never", "backend": "ends", "command": ["true"]},
    ]
    told = {"name": "hostile", "runtime": runtime, "experiments": experiments}
    quick = {"ends": {"max_restarts": 0}}
    file = folder / "campaign.yml"
    file.write_text(json.dumps({**told, "backends": quick}))
    return file


def escaped(text: str) -> str:
    """The text as ``printf %b`` takes it, as octal numbers."""
    return "".join(f"\\0{byte:03o}" for byte in text.encode())


@pytest.mark.parametrize("options", [(), ("--json",), ("--quiet",)], ids=" ".join)
def test_what_local_processes_write_steers_nothing(
    tmp_path: Path, options: tuple[str, ...]
) -> None:
    done = run("run", campaign(tmp_path, runtime="process"), *options)
    assert done.returncode == 1
    assert MARKER.encode() in done.stdout + done.stderr


def test_the_live_view_is_not_steered(tmp_path: Path) -> None:
    written = on_terminal("run", campaign(tmp_path, runtime="process"))
    assert_harmless(written)
    assert MARKER.encode() in written


@pytest.mark.docker
@pytest.mark.usefixtures("engine")
def test_what_containers_and_their_health_checks_write_steers_nothing(tmp_path: Path) -> None:
    check = f"printf '%b' '{escaped(HOSTILE)}'; exit 1"
    file = campaign(
        tmp_path,
        runtime="docker",
        command=["sleep", "infinity"],
        stop_grace_period="0s",
        healthcheck={"test": ["CMD", "sh", "-c", check], "interval": "1s", "retries": 1},
    )
    done = run("run", file)
    assert done.returncode == 1
    assert b"its health check fails" in done.stdout
    assert MARKER.encode() in done.stdout


@pytest.mark.docker
@pytest.mark.whole_engine
def test_what_labels_say_steers_nothing(engine: Engine) -> None:
    client = connect()
    labels = {
        "dockwarden.project": WITHOUT_BREAKS,
        "com.docker.compose.service": HOSTILE,
        "dockwarden.owner.pid": "1",
        "dockwarden.owner.host": HOSTILE,
    }
    made = client.create_container(BASE_IMAGE, ["true"], labels=labels)["Id"]
    try:
        for arguments in (("status",), ("status", "--json"), ("reap",), ("reap", "--dry-run")):
            assert MARKER.encode() in run(*arguments).stdout
        assert MARKER.encode() in run("down").stderr
    finally:
        client.remove_container(made, force=True)


# What an engine says


class _Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True


class _HostileEngine(http.server.BaseHTTPRequestHandler):
    """Answers a few questions as an engine does, in hostile words, and refuses all else."""

    ANSWERS: Final[dict[str, Any]] = {
        "/version": {"ApiVersion": "1.41", "Version": HOSTILE},
        "/info": {
            "ServerVersion": HOSTILE,
            "DockerRootDir": f"/{WITHOUT_BREAKS}",
            "ID": HOSTILE,
            "SystemTime": "2026-01-31T00:00:00Z",
        },
        "/networks": [],
        "/containers/json": [
            {
                "Id": "c0ffee",
                "Names": [f"/{HOSTILE}"],
                "Image": HOSTILE,
                "ImageID": "sha256:0",
                "Status": HOSTILE,
                "Labels": {"dockwarden.project": HOSTILE},
            }
        ],
    }

    def address_string(self) -> str:
        return "a client"

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        asked = re.sub(r"^/v[0-9.]+", "", self.path.partition("?")[0])
        if asked in self.ANSWERS:
            self.answer(200, self.ANSWERS[asked])
        else:
            self.answer(500, {"message": HOSTILE})

    def do_POST(self) -> None:
        self.answer(500, {"message": HOSTILE})

    def do_DELETE(self) -> None:
        self.answer(500, {"message": HOSTILE})

    def answer(self, status: int, body: Any) -> None:
        written = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(written)))
        self.end_headers()
        self.wfile.write(written)


@pytest.fixture
def hostile_engine(tmp_path: Path) -> Iterator[Callable[..., subprocess.CompletedProcess[bytes]]]:
    """Runs a command on an engine whose every word is hostile."""
    socket = tmp_path / "engine.sock"
    with _Server(str(socket), _HostileEngine) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield lambda *arguments: run(*arguments, DOCKER_HOST=f"unix://{socket}")
        server.shutdown()


@pytest.mark.parametrize("command", ["status", "doctor", "reap", "down", "run"])
def test_what_an_engine_says_steers_nothing(
    hostile_engine: Callable[..., subprocess.CompletedProcess[bytes]],
    tmp_path: Path,
    command: str,
) -> None:
    with_campaign = command in {"doctor", "run"}
    arguments = [campaign(tmp_path, runtime="docker")] if with_campaign else []
    done = hostile_engine(command, *arguments)
    assert MARKER.encode() in done.stdout + done.stderr
