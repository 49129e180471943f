"""``dockwarden diagram``, as users call it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from textwrap import dedent

import pytest

from engine.cli import main
from engine.cli.output.markdown_blocks import fenced, rewritten
from engine.errors import MarkdownError
from engine.journal import FILE_NAME, Journal, Run
from engine.model.results import Transition
from states import BACKEND

Dockwarden = Callable[..., tuple[int, str, str]]

AT = datetime(2026, 1, 31, 10, 15, tzinfo=UTC)
OWN = """
from states import BACKEND, Row

COOLING = BACKEND.extend(
    name="cooling",
    states={"cooling": "waiting"},
    events={"cool": "it is to cool", "cooled": "it is cool"},
    rows=[
        Row("ready", "cool", "cooling"),
        Row("cooling", "cooled", "ready"),
        Row("cooling", "stop", "cooling", action="remove"),
        Row("cooling", "removed", "stopped"),
        Row("cooling", "removal_failed", "exhausted"),
    ],
)
PAGE = "nothing of the kind"
"""


@pytest.fixture
def dockwarden(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Dockwarden:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])

    def dockwarden(*arguments: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as exited:
            main(["diagram", *map(str, arguments)])
        code = exited.value.code
        assert isinstance(code, int)
        return code, *capfd.readouterr()

    return dockwarden


class TestFormats:
    @pytest.mark.parametrize(
        ("form", "begins"),
        [("mermaid", "---\nconfig:"), ("dot", 'digraph "backend"'), ("table", "| state |")],
    )
    def test_text(self, dockwarden: Dockwarden, form: str, begins: str) -> None:
        code, out, err = dockwarden("--format", form)
        assert (code, err) == (0, "")
        assert out.startswith(begins)

    def test_json(self, dockwarden: Dockwarden) -> None:
        _, out, _ = dockwarden("experiment", "--format", "json")
        assert {edge["kind"] for edge in json.loads(out)["edges"]} == {
            "normal",
            "fault",
            "recovery",
        }

    @pytest.mark.usefixtures("graphviz")
    def test_svg_follows_the_page_unless_told_otherwise(
        self, dockwarden: Dockwarden, tmp_path: Path
    ) -> None:
        file = tmp_path / "it.svg"
        assert dockwarden("--format", "svg", "-o", file)[:2] == (0, "")
        assert "prefers-color-scheme: dark" in file.read_text()
        dockwarden("--format", "svg", "--theme", "dark", "-o", file)
        assert "prefers-color-scheme" not in file.read_text()
        assert "#0d1117" in file.read_text()

    def test_without_graphviz(
        self, dockwarden: Dockwarden, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.setenv("PATH", str(tmp_path))
        code, _, err = dockwarden("--format", "svg")
        assert code == 2
        assert "install Graphviz (on Debian and Ubuntu: apt-get install graphviz)" in err
        assert dockwarden("--format", "dot")[0] == 0


class TestLifecyclesOfOnesOwn:
    @pytest.fixture(autouse=True)
    def own(self, tmp_path: Path) -> None:
        (tmp_path / "my_own_lifecycles.py").write_text(OWN)
        (tmp_path / "my_broken_lifecycles.py").write_text("1 / 0")

    def test_is_found_in_the_working_folder(self, dockwarden: Dockwarden) -> None:
        code, out, _ = dockwarden("my_own_lifecycles:COOLING", "--format", "table")
        assert code == 0
        assert "| `cooling` | waiting |" in out

    @pytest.mark.parametrize(
        ("name", "said"),
        [
            ("backed", "did you mean 'backend'?"),
            ("no_such_module:X", "cannot be imported: ModuleNotFoundError"),
            ("my_broken_lifecycles:X", "cannot be imported: ZeroDivisionError"),
            ("my_own_lifecycles:COOLIN", "its lifecycles are: BACKEND, COOLING"),
            ("my_own_lifecycles:PAGE", "a str, not a lifecycle"),
            (":", "cannot be imported"),
        ],
    )
    def test_what_is_not_there(self, dockwarden: Dockwarden, name: str, said: str) -> None:
        code, _, err = dockwarden(name)
        assert code == 2
        assert said in err
        assert "Traceback" not in err


class TestJournal:
    @pytest.fixture(autouse=True)
    def journal(self, tmp_path: Path) -> None:
        """Two backends: ``alpha`` has come to be busy, a second at a time; ``beta`` was never started."""
        steps = (("stopped", "start"), ("starting", "proved_ready"), ("ready", "dispatch"))
        with Journal.create(tmp_path / FILE_NAME, campaign="small", digests={}) as journal:
            journal.plan([Run("a", "x", "alpha"), Run("b", "x", "beta"), Run("c", "x", "beta")])
            for second, (state, event) in enumerate(steps):
                edge = BACKEND.decide(state, event)
                journal.transition(
                    Transition(
                        at=AT + timedelta(seconds=second),
                        backend="alpha",
                        event=event,
                        source=state,
                        target=edge.target,
                        action=edge.action,
                        reason="why",
                        generation=1,
                        container_id=None,
                    )
                )
            for run, ending, code in (("a", "lost", None), ("b", "exited", 0)):
                request = f"{run}.1"
                journal.attempt_begun(run, 1, backend="alpha", request=request, folder=request)
                journal.attempt_ended(
                    run, 1, ending=ending, exit_code=code, reason="", duration_s=1.0, at=AT
                )
            journal.attempt_begun("a", 2, backend="alpha", request="a.2", folder="a.2")
            journal.outcome("b", "completed", reason="")

    def data(self, dockwarden: Dockwarden, *arguments: object) -> tuple[dict[str, str], set[str]]:
        code, out, err = dockwarden(*arguments, "--format", "json")
        assert (code, err) == (0, "")
        told = json.loads(out)
        return told["here"], {
            f"{edge['source']} {edge['event']} {edge['target']} {edge['taken']}"
            for edge in told["edges"]
            if edge["taken"]
        }

    def test_where_backends_are_and_what_they_took(self, dockwarden: Dockwarden) -> None:
        here, taken = self.data(dockwarden, "--journal", ".")
        assert here == {"alpha": "busy", "beta": "stopped"}
        assert taken == {
            "stopped start starting 1",
            "starting proved_ready ready 1",
            "ready dispatch busy 1",
        }

    @pytest.mark.parametrize(
        ("at", "state"),
        [
            ("2026-01-31T10:14:59", "stopped"),
            ("2026-01-31T11:15:00+01:00", "starting"),
            ("2026-01-31 10:15:01.000Z", "ready"),
        ],
    )
    def test_as_it_was_then(self, dockwarden: Dockwarden, at: str, state: str) -> None:
        here, taken = self.data(dockwarden, "--journal", FILE_NAME, "--at", at)
        assert here["alpha"] == state
        assert len(taken) == ["stopped", "starting", "ready"].index(state)

    def test_one_backend(self, dockwarden: Dockwarden) -> None:
        here, taken = self.data(dockwarden, "--journal", ".", "--backend", "beta")
        assert (here, taken) == ({"beta": "stopped"}, set())

    def test_where_runs_are_and_what_they_took(self, dockwarden: Dockwarden) -> None:
        here, taken = self.data(dockwarden, "experiment", "--journal", ".")
        assert here == {"a": "running", "b": "completed", "c": "pending"}
        assert taken == {
            "pending dispatch running 2",
            "running vanish retrying 1",
            "retrying dispatch running 1",
            "running exit completed 1",
        }

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            (("--journal", "none"), "none"),
            (
                ("--journal", ".", "--backend", "gamma"),
                "it has no backend 'gamma', but alpha, beta",
            ),
            (("--journal", ".", "--at", "soon"), "'soon' is not a time"),
            (("--at", "2026-01-31"), "--at and --backend go with --journal"),
            (("backend", "experiment"), "one lifecycle at a time"),
        ],
    )
    def test_bad_input(self, dockwarden: Dockwarden, arguments: tuple[str, ...], said: str) -> None:
        code, _, err = dockwarden(*arguments)
        assert code == 2
        assert said in err
        assert "Traceback" not in err

    def test_a_table_that_the_journal_does_not_follow(
        self, dockwarden: Dockwarden, tmp_path: Path
    ) -> None:
        (tmp_path / "my_door.py").write_text(
            "from states import *\n"
            "DOOR = Lifecycle(name='door', states={'shut': '', 'open': ''}, initial='shut',\n"
            "  events={'push': ''}, rows=[Row('shut', 'push', 'open'), Row('open', 'push', 'shut')])"
        )
        code, _, err = dockwarden("my_door:DOOR", "--journal", ".")
        assert code == 2
        assert "of another lifecycle" in err


class TestMarkdown:
    MARKED = "# A\n\n<!-- dockwarden diagram experiment mermaid -->\nold\n<!-- /dockwarden -->\nend"

    def test_is_written_and_then_up_to_date(self, dockwarden: Dockwarden, tmp_path: Path) -> None:
        page = tmp_path / "page.md"
        page.write_text(self.MARKED)
        assert dockwarden("--check", page)[:2] == (1, f"{page}: out of date\n")
        assert page.read_text() == self.MARKED
        assert dockwarden("--write", page)[:2] == (0, f"{page}: updated\n")
        assert dockwarden("--check", page) == (0, "", "")
        written = page.read_text()
        assert written.startswith(f"{self.MARKED.partition('old')[0]}\n```mermaid\n---\nconfig:")
        assert written.endswith("```\n\n<!-- /dockwarden -->\nend")

    def test_flags_are_honoured(self, dockwarden: Dockwarden, tmp_path: Path) -> None:
        page = tmp_path / "page.md"
        page.write_text(self.MARKED.replace("mermaid", "mermaid --brief --all"))
        assert dockwarden("--write", page)[0] == 0
        assert "flowchart LR" in page.read_text()

    def test_a_file_without_markers_is_left_alone(
        self, dockwarden: Dockwarden, tmp_path: Path
    ) -> None:
        page = tmp_path / "page.md"
        page.write_bytes(b"# A\r\n\r\nb")
        assert dockwarden("--write", page) == (0, "", "")
        assert page.read_bytes() == b"# A\r\n\r\nb"

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("\n<!-- dockwarden diagram backend table -->\n", "line 2: <!-- dockwarden diagram"),
            ("<!-- /dockwarden -->\n", "line 1: <!-- /dockwarden --> closes nothing"),
            (MARKED.replace("mermaid", "svg"), "line 3: a marker is written"),
            (MARKED.replace("experiment", "expriment"), "did you mean 'experiment'?"),
            (MARKED.replace("diagram", "draw"), "line 3: a marker is written"),
        ],
    )
    def test_bad_markers_leave_the_file_as_it_is(
        self, dockwarden: Dockwarden, tmp_path: Path, text: str, said: str
    ) -> None:
        page = tmp_path / "page.md"
        page.write_text(text)
        code, _, err = dockwarden("--write", page)
        assert code == 2
        assert said in err
        assert page.read_text() == text

    def test_no_such_file(self, dockwarden: Dockwarden) -> None:
        code, _, err = dockwarden("--check", "none.md")
        assert (code, "none.md cannot be read" in err) == (2, True)

    def test_no_file(self, dockwarden: Dockwarden) -> None:
        assert dockwarden("--check")[0] == 2

    def test_the_hook_for_pre_commit_checks_what_is_committed(self, tmp_path: Path) -> None:
        hooks = Path(__file__).parents[2] / ".pre-commit-hooks.yaml"
        (tmp_path / "page.md").write_text(self.MARKED)
        (tmp_path / "lib.md").write_text("no marker")
        folder = Path(sys.executable).parent
        environment = {
            **os.environ,
            "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}",
            "GIT_CONFIG_GLOBAL": os.devnull,
        }
        local = hooks.read_text().replace("language: python", "language: system")
        config = f"repos:\n  - repo: local\n    hooks:\n{_indented(local)}"
        (tmp_path / ".pre-commit-config.yaml").write_text(config)

        def call(*command: str) -> subprocess.CompletedProcess[str]:
            return subprocess.run(
                command,
                cwd=tmp_path,
                env=environment,
                capture_output=True,
                text=True,
                check=False,
            )

        assert call("git", "init", "-q").returncode == 0
        assert call("git", "add", ".").returncode == 0
        failed = call("pre-commit", "run", "--all-files")
        assert failed.returncode == 1
        assert "page.md: out of date" in failed.stdout
        assert "lib.md" not in failed.stdout
        assert call("dockwarden", "diagram", "--write", "page.md").returncode == 0
        assert call("git", "add", ".").returncode == 0
        assert call("pre-commit", "run", "--all-files").returncode == 0


def _indented(text: str) -> str:
    return "".join(f"      {line}\n" for line in text.splitlines() if not line.startswith("#"))


class TestBlocks:
    def test_markers_in_code_are_text(self) -> None:
        text = dedent("""\
            ````markdown
            ```
            <!-- dockwarden diagram backend mermaid -->
            <!-- /dockwarden -->
            ```
            ````
            ~~~
            <!-- /dockwarden -->
            ~~~
            """)
        assert rewritten(text, lambda _: pytest.fail("nothing is to be made"), file="x") == text

    def test_what_is_between_is_made_anew_wherever_it_stands(self) -> None:
        text = "<!-- dockwarden one -->\n```\n<!-- /dockwarden -->\n- <!-- dockwarden two -->"
        assert rewritten(text, str.upper, file="x") == (
            "<!-- dockwarden one -->\n\nONE\n<!-- /dockwarden -->\n- <!-- dockwarden two -->"
        )

    def test_a_second_marker_before_the_first_is_closed(self) -> None:
        text = "<!-- dockwarden one -->\n<!-- dockwarden two -->\n<!-- /dockwarden -->\n"
        with pytest.raises(MarkdownError, match="line 1: <!-- dockwarden one --> is not closed"):
            rewritten(text, str.upper, file="x")

    def test_a_fence_is_longer_than_any_in_it(self) -> None:
        assert fenced("a\n````\n", "json") == "`````json\na\n````\n`````\n"
