"""From entries with sweeps to experiments, and what is said of those that cannot be meant."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from engine.campaign.config.load import load_campaign
from engine.campaign.model import Campaign, Experiment, Isolation
from engine.campaign.runs.plan import plan
from tests.campaign.sweep.conftest import Findings, Load

ONE = """
name: swept
experiments:
  - name: bench
    backend: alpha
    sweep: {matrix: {model: [a, b], batch: [1, 8]}}
    command: [bench, "{{ model }}", "{{ batch }}"]
"""


def by_name(campaign: Campaign) -> dict[str, Experiment]:
    return {one.name: one for one in campaign.experiments}


def test_one_experiment_for_each_combination_with_its_parameters(load: Load) -> None:
    found = by_name(load(ONE))
    assert [*found] == ["bench-a-batch1", "bench-a-batch8", "bench-b-batch1", "bench-b-batch8"]
    one = found["bench-b-batch8"]
    assert one.command == ("bench", "b", "8")
    assert one.params == {"model": "b", "batch": 8}
    assert {each.entry for each in found.values()} == {"bench"}


def test_every_kind_of_value_is_filled_in(load: Load) -> None:
    (one,) = load(
        """
        name: all
        defaults:
          env: {LEVEL: "{{ level }}", MODE: fast}
          silence: "{{ limit }}"
        experiments:
          - name: "x-{{ level }}"
            backend: "{{ backend }}"
            sweep:
              matrix:
                level: [3]
                backend: [alpha]
                limit: [90]
                share: [512m]
                cold: [true]
                args: [[--a, 1]]
            command: [run, "{{ args }}", "--level={{ level }}"]
            env: {MODE: "{{ level * 2 }}"}
            keys: {level: "{{ level }}"}
            timeout: "{{ limit * 2 }}"
            max_output: "{{ share }}"
            repeat: "{{ level }}"
            cold_start: "{{ cold }}"
            working_dir: "/w/{{ level }}"
        """
    ).experiments
    assert (one.name, one.entry, one.backends) == ("x-3", "x", ("alpha",))
    assert one.command == ("run", "--a", "1", "--level=3")
    assert one.environment == {"LEVEL": "3", "MODE": "6"}
    assert (one.timeout_s, one.silence_s, one.repeat) == (180, 90, 3)
    assert (one.max_output_bytes, one.isolation) == (512 * 2**20, Isolation.RESTART)
    assert (one.keys, one.working_dir) == ({"level": "3"}, "/w/3")


def test_without_a_sweep_braces_and_dollars_are_text(load: Load) -> None:
    (one,) = load(
        """
        name: old
        experiments:
          - name: one
            backend: alpha
            command: [sh, -c, "echo {{ x }} $HOME ${X} $$"]
            env: {A: "${HOME} $$ {{"}
        """
    ).experiments
    assert one.command[2] == "echo {{ x }} $HOME ${X} $$"
    assert one.environment == {"A": "${HOME} $$ {{"}
    assert (one.params, one.entry) == ({}, "one")


def test_dollars_in_commands_of_a_sweep_are_the_shell_s(load: Load) -> None:
    found = load(ONE.replace("[bench,", '[sh, -c, "echo $HOME ${X} $$ ${#x}",'))
    assert found.experiments[0].command[2] == "echo $HOME ${X} $$ ${#x}"


def test_variables_in_paths_and_parameters(
    load: Load, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("WHERE", "/elsewhere")
    monkeypatch.delenv("NOWHERE", raising=False)
    swept = ONE.replace("[a, b]", "['${WHERE}/m', a$$b]")
    found = load(f"{swept}results: ${{WHERE}}/r\ncompose_file: ['${{NOWHERE:-here}}.yml']\n")
    assert found.results == Path("/elsewhere/r")
    assert found.compose_file == (tmp_path / "here.yml",)
    assert {one.params["model"] for one in found.experiments} == {"/elsewhere/m", "a$b"}


def test_a_file_of_parameters_keeps_texts_as_they_are_written(load: Load) -> None:
    csv = "version,n,f,empty\n1.10,8,0.5,\n007,1e3,-1,x\n"
    swept = ONE.replace("{matrix: {model: [a, b], batch: [1, 8]}}", "{from: rows.csv}")
    written = swept.replace(
        '"{{ model }}", "{{ batch }}"', '"{{ version }}{{ n }}{{ f }}{{ empty | default(0) }}"'
    )
    found = load(written, rows_csv=csv)
    assert [one.params for one in found.experiments] == [
        {"version": "1.10", "n": 8, "f": 0.5},
        {"version": "007", "n": "1e3", "f": -1, "empty": "x"},
    ]


@pytest.mark.parametrize(
    ("name", "text", "what"),
    [
        ("rows.csv", "", "has no rows"),
        ("rows.csv", "a,a\n1,2\n", "two columns 'a'"),
        ("rows.csv", "a,b\n1\n", "line 2: it has 1 cells"),
        ("rows.csv", 'a\n"1\n', "line"),
        ("rows.csv", "a-b\n1\n", "line 1: 'a-b': a parameter's name takes letters"),
        ("rows.csv", "a;b\n1;2\n", "separate columns by commas"),
        ("rows.json", "{", "is not JSON"),
        ("rows.json", "[" * 100_000, "is nested too deeply"),
        ("rows.json", "{}", "must be a list of objects"),
        ("rows.json", "[1]", "entry 1: it must be an object"),
        ("rows.json", '[{"a": NaN}]', "not finite"),
        ("rows.json", "[{}]", "entry 1: it is empty"),
        ("rows.txt", "a", "a .csv or a .json file"),
    ],
)
def test_what_is_no_file_of_parameters(findings: Findings, name: str, text: str, what: str) -> None:
    written = ONE.replace("{matrix: {model: [a, b], batch: [1, 8]}}", f"{{from: {name}}}")
    found = findings(written, **{name.replace(".", "_"): text})
    assert what in found["experiments[0].sweep.from"]
    assert [*found] == ["experiments[0].sweep.from"]  # with any parameters


@pytest.mark.parametrize(
    "sweep",
    ["{from: none.csv}", "{matirx: {model: [a]}}", "[a]", "{from: [a]}", "{from: '${NO_SUCH}'}"],
)
def test_a_sweep_that_cannot_be_read_is_one_finding(findings: Findings, sweep: str) -> None:
    found = findings(ONE.replace("{matrix: {model: [a, b], batch: [1, 8]}}", sweep))
    assert len(found) == 1


PARAMS = ONE.replace("sweep: {matrix: {model: [a, b], batch: [1, 8]}}", "params: rows.csv")


def test_params_is_short_for_a_sweep_from_a_file(load: Load) -> None:
    rows = "model,batch\na,1\nb,8\n"
    found = load(PARAMS, rows_csv=rows)
    assert [*by_name(found)] == ["bench-a-batch1", "bench-b-batch8"]
    assert found.sources[0].name == "rows.csv"
    of_all = PARAMS.replace("    params: rows.csv\n", "") + "params: rows.csv\n"
    assert by_name(load(of_all, rows_csv=rows)).keys() == by_name(found).keys()


@pytest.mark.parametrize(
    ("written", "path", "what"),
    [
        ("params: none.csv", "params", "none.csv is no file"),
        ("params: [a.csv]", "params", "lists of values go into sweep"),
        ("params: {model: [a]}", "params", "lists of values go into sweep"),
        (
            "params: a.csv\n    sweep: {matrix: {model: [a]}}",
            "sweep",
            "short for sweep: {from: ...}",
        ),
    ],
)
def test_what_params_cannot_be(findings: Findings, written: str, path: str, what: str) -> None:
    found = findings(PARAMS.replace("params: rows.csv", written))
    assert [*found] == [f"experiments[0].{path}"]
    assert what in found[f"experiments[0].{path}"]


def test_a_file_of_parameters_that_is_not_there(findings: Findings) -> None:
    written = ONE.replace("{matrix: {model: [a, b], batch: [1, 8]}}", "{from: none.csv}")
    assert "none.csv is no file" in findings(written)["experiments[0].sweep.from"]


@pytest.mark.parametrize(
    ("old", "new", "path", "what"),
    [
        (
            "{{ batch }}",
            "{{ bach }}",
            "experiments[0].command[2]",
            "did you mean 'batch'? (line 7)",
        ),
        ("{{ batch }}", "{{ bach }}", "experiments[0].sweep.matrix.batch", "did you mean 'bach'?"),
        ('"{{ batch }}"', "x", "experiments[0].sweep.matrix.batch", "write {{ batch }} in its"),
        ("{{ batch }}", "{{ batch", "experiments[0].command[2]", "has {{ without }}"),
        (
            "{{ batch }}",
            "{{ 8 / (batch - 8) }}",
            "experiments[0].command[2]",
            "(with model=a, batch=8)",
        ),
        ("matrix", "matrx", "experiments[0].sweep.matrx", "did you mean 'matrix'?"),
        ("name: bench", 'name: "b-{{ model }}"', "experiments[0].name", "put {{ batch }} into it"),
        ("name: bench", 'name: "b/{{ model }}"', "experiments[0].name", "plain name"),
        (
            "backend:",
            'timeout: "{{ model }}"\n    backend:',
            "experiments[0].timeout",
            "is no duration",
        ),
        (
            "backend:",
            'repeat: "{{ model }}"\n    backend:',
            "experiments[0].repeat",
            "whole number",
        ),
        ("[a, b]", "['${NOT_SET_ANYWHERE}']", "experiments[0].sweep.matrix.model[0]", "is not set"),
        ("[a, b]", "['${A']", "experiments[0].sweep.matrix.model[0]", "closing brace"),
        ("name: swept", "name: swept\nmax_runs: 3", "experiments[0].sweep", "makes 4 combinations"),
        ("name: swept", "name: swept\nresults: ${NOT_SET_ANYWHERE}", "results", "is not set"),
        (
            "name: swept",
            "name: swept\nsweep: {matrix: {k: [1]}}",
            "sweep.matrix.k",
            "in no experiment",
        ),
        ("name: swept", "name: swept\ncycles: 30000", "cycles", "from 1 to 1000"),
        ("{{ batch }}", "{{ x.y.z }}", "experiments[0].command[2]", "'x', which is no parameter"),
    ],
)
def test_what_cannot_be_meant_is_told_with_its_place(
    findings: Findings, old: str, new: str, path: str, what: str
) -> None:
    assert old in ONE
    assert what in findings(ONE.replace(old, new))[path]


def test_the_runs_of_all_repeats_and_cycles_count(findings: Findings) -> None:
    found = findings(f"{ONE}    repeat: 1000\ncycles: 100\nmax_runs: 1000\n")
    assert "makes 400,000 runs" in found["experiments"]


def test_experiments_of_the_same_name_are_told_with_their_parameters(findings: Findings) -> None:
    found = findings(f"{ONE}  - {{name: bench-a-batch1, backend: alpha, command: [x]}}\n")
    assert "experiments[0] with model=a, batch=1" in found["experiments[1].name"]


@pytest.mark.parametrize(
    "value",
    [
        "&a [*a]",
        "[&x [1, 1, 1, 1, 1, 1, 1, 1, 1]]" + "".join(f", [&x{n} [*x, *x]]" for n in range(3)),
        "[2001-01-01]",
        "[!!binary aGk=]",
        "[.nan]",
        "[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]",
        "{from: 1, to: 1e400}",
        '["\\0"]',
        '["\\ud800"]',
    ],
)
def test_odd_values_are_findings(findings: Findings, value: str) -> None:
    assert findings(ONE.replace("[a, b]", value))


def test_aliases_of_aliases_take_no_time(findings: Findings) -> None:
    bombs = "\n".join(f"  b{n}: &b{n} [{', '.join([f'*b{n - 1}'] * 9)}]" for n in range(1, 12))
    written = ONE.replace("name: swept", f"name: swept\nx:\n  b0: &b0 [a]\n{bombs}")
    found = findings(written.replace("[a, b]", "[*b11]").replace("[bench,", "[*b11,"))
    assert "parts" in " ".join(found.values())


class TestIncludedFiles:
    TOP = """
    name: top
    include: [more.yml]
    defaults: {timeout: 5m, env: {A: top, B: top}}
    sweep: {matrix: {model: [a, b]}}
    backends: {alpha: {max_restarts: 1}}
    """
    MORE = """
    defaults: {env: {B: more}, silence: 60}
    sweep: {from: rows.json}
    backends: {alpha: {max_restarts: 9}, beta: {max_restarts: 2}}
    experiments:
      - {name: one, backend: beta, command: [run, "{{ model }}", "{{ n }}"]}
    """
    ROWS = json.dumps([{"n": 1}, {"n": 2}])

    def test_bring_experiments_under_what_surrounds_them(self, load: Load) -> None:
        campaign = load(self.TOP, more_yml=self.MORE, rows_json=self.ROWS)
        found = by_name(campaign)
        assert [*found] == ["one-a-n1", "one-a-n2", "one-b-n1", "one-b-n2"]
        assert found["one-a-n1"].environment == {"A": "top", "B": "more"}
        assert (found["one-a-n1"].timeout_s, found["one-a-n1"].silence_s) == (300, 60)
        restarts = {name: one.restart.max_restarts for name, one in campaign.policies.items()}
        assert restarts == {"alpha": 1, "beta": 2}

    @pytest.mark.parametrize(
        ("more", "path", "what"),
        [
            ("order: grouped", "more.yml: order", "unknown key"),
            ("include: [campaign.yml]", "more.yml: include[0]", "leads back"),
            ("include: [more.yml]", "more.yml: include[0]", "leads back"),
            ("include: [none.yml]", "more.yml: include[0]", "cannot be read"),
            ("experiments: [{name: x}]", "more.yml: experiments[0].backend", "is missing"),
            ("a: [", "include[0]", "more.yml: "),
        ],
    )
    def test_what_is_wrong_in_one_is_told_with_its_name(
        self, findings: Findings, more: str, path: str, what: str
    ) -> None:
        assert what in findings(self.TOP, more_yml=more)[path]


def swept(runs: int) -> str:
    return ONE.replace("[1, 8]", f"{{from: 1, to: {runs // 2}}}")


def test_the_time_of_planning_grows_no_faster_than_the_runs(tmp_path: Path) -> None:
    """By the ratio of 5,000 runs to 500, on the fastest of several goes each."""

    def took_s(runs: int) -> float:
        file = tmp_path / f"{runs}.yml"
        file.write_text(swept(runs))
        best_s = float("inf")
        for _ in range(3):
            began_s = time.process_time()
            assert len(plan(load_campaign(file))) == runs
            best_s = min(best_s, time.process_time() - began_s)
        return best_s

    took_s(500)
    assert took_s(5_000) < 20 * took_s(500)
