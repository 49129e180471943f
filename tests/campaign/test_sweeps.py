"""Sweeps in a campaign file: which experiments they make, and what is said where one is wrong."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from textwrap import dedent, indent
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.campaign.config.load import load_campaign
from engine.campaign.model import Campaign
from engine.campaign.runs.plan import plan
from engine.campaign.sweep import Sweep, combinations, names, size
from engine.errors import CampaignError
from engine.util.names import is_plain

ENTRY = """\
name: swept
max_runs: 1000
experiments:
  - name: generate
    backend: alpha
    command: [generate, --prompt, "{{ prompt }}", --threads, "{{ threads }}"]
    sweep:
"""
WHOLE = """\
name: swept
sweep:
  matrix: {model: [llama, qwen]}
experiments:
"""

Load = Callable[..., Campaign]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    def load(written: str, **files: str) -> Campaign:
        for name, content in files.items():
            (tmp_path / name.replace("_", ".")).write_text(content)
        (tmp_path / "campaign.yml").write_text(written)
        return load_campaign(tmp_path / "campaign.yml")

    return load


@pytest.fixture
def said(load: Load) -> Callable[..., str]:
    def said(written: str, **files: str) -> str:
        with pytest.raises(CampaignError) as raised:
            load(written, **files)
        return str(raised.value)

    return said


def entry(sweep: str, base: str = ENTRY) -> str:
    return base + indent(dedent(sweep), "      ")


def params(campaign: Campaign) -> list[dict[str, Any]]:
    return [dict(one.params) for one in campaign.experiments]


class TestCombinations:
    def test_a_matrix_combines_each_with_each(self, load: Load) -> None:
        campaign = load(entry("matrix: {prompt: [16, 128], threads: [1, 2]}"))
        assert params(campaign) == [
            {"prompt": 16, "threads": 1},
            {"prompt": 16, "threads": 2},
            {"prompt": 128, "threads": 1},
            {"prompt": 128, "threads": 2},
        ]
        first = campaign.experiments[0]
        assert first.command == ("generate", "--prompt", "16", "--threads", "1")
        assert first.entry == "generate"
        assert first.name == "generate-prompt_16-threads_1"

    def test_lists_are_zipped(self, load: Load) -> None:
        campaign = load(entry("zip: {prompt: [16, 128], threads: [1, 2]}"))
        assert params(campaign) == [{"prompt": 16, "threads": 1}, {"prompt": 128, "threads": 2}]

    def test_ranges_have_both_ends(self, load: Load) -> None:
        campaign = load(
            entry(
                "matrix: {prompt: {from: 1, to: 8, times: 2}, threads: {from: 1, to: 2, step: 0.5}}"
            )
        )
        assert [one["prompt"] for one in params(campaign)[::3]] == [1, 2, 4, 8]
        assert [one["threads"] for one in params(campaign)[:3]] == [1, 1.5, 2]

    def test_what_is_excluded_is_left_out(self, load: Load) -> None:
        campaign = load(
            entry(
                """\
                matrix: {prompt: [16, 128], threads: [1, 2]}
                exclude: [{prompt: 128, threads: 2}]
                """
            )
        )
        assert {"prompt": 128, "threads": 2} not in params(campaign)
        assert len(params(campaign)) == 3

    def test_what_is_included_is_added_or_a_combination_of_its_own(self, load: Load) -> None:
        campaign = load(
            entry(
                """\
                matrix: {prompt: [16, 128], threads: [1]}
                include:
                  - {prompt: 16, note: short}
                  - {prompt: 512, threads: 4}
                """
            )
        )
        assert params(campaign) == [
            {"prompt": 16, "threads": 1, "note": "short"},
            {"prompt": 128, "threads": 1},
            {"prompt": 512, "threads": 4},
        ]

    @pytest.mark.parametrize(
        ("name", "content"),
        [
            ("runs_csv", "prompt,threads\n16,1\n128,2\n"),
            ("runs_json", '[{"prompt": 16, "threads": 1}, {"prompt": 128, "threads": 2}]'),
        ],
    )
    def test_combinations_come_from_a_file(self, load: Load, name: str, content: str) -> None:
        campaign = load(entry(f"from: {name.replace('_', '.')}"), **{name: content})
        assert params(campaign) == [{"prompt": 16, "threads": 1}, {"prompt": 128, "threads": 2}]

    def test_a_sweep_of_the_campaign_is_multiplied_with_an_entry_s(self, load: Load) -> None:
        campaign = load(
            WHOLE
            + """\
  - name: ask
    backend: alpha
    command: [ask, "{{ model }}"]
  - name: load
    backend: alpha
    command: [load, "{{ model }}", "{{ clients }}"]
    sweep: {matrix: {clients: [1, 8]}}
  - name: pick
    backend: alpha
    command: [pick, "{{ model }}"]
    sweep: {matrix: {model: [phi]}}
"""
        )
        assert [one.command for one in campaign.experiments] == [
            *(("ask", "llama"), ("ask", "qwen")),
            *(("load", "llama", "1"), ("load", "llama", "8")),
            *(("load", "qwen", "1"), ("load", "qwen", "8")),
            ("pick", "phi"),
        ]

    @given(
        st.dictionaries(st.sampled_from("abcd"), st.lists(st.integers(), min_size=1, max_size=3)),
        st.lists(st.dictionaries(st.sampled_from("abcd"), st.integers(), min_size=1), max_size=3),
    )
    def test_there_are_never_more_than_was_said_beforehand(
        self, matrix: dict[str, list[int]], include: list[dict[str, int]]
    ) -> None:
        sweep = Sweep(matrix=matrix, include=include)
        assert len(combinations(sweep)) <= size(sweep)


class TestValues:
    def test_a_number_stays_one_where_a_number_is_due(self, load: Load) -> None:
        written = entry("matrix: {prompt: [16], threads: [2]}").replace(
            "backend: alpha",
            'backend: alpha\n    timeout: "{{ threads * 60 }}"\n    repeat: "{{ threads }}"',
        )
        (experiment,) = load(written).experiments
        assert experiment.timeout_s == 120
        assert experiment.repeat == 2

    def test_within_a_text_it_is_written_out(self, load: Load) -> None:
        written = entry("matrix: {prompt: [true], threads: [[1, 2]]}").replace(
            "backend: alpha", 'backend: alpha\n    env: {A: "p={{ prompt }}", B: "{{ threads }}"}'
        )
        (experiment,) = load(written).experiments
        assert experiment.environment == {"A": "p=true", "B": "[1, 2]"}

    def test_a_structure_is_reached_into(self, load: Load) -> None:
        written = entry("matrix: {model: [{name: llama, layers: 3}]}").replace(
            '"{{ prompt }}", --threads, "{{ threads }}"', '"{{ model.name }}", "{{ model.layers }}"'
        )
        (experiment,) = load(written).experiments
        assert experiment.command == ("generate", "--prompt", "llama", "3")

    def test_defaults_are_rendered_too(self, load: Load) -> None:
        campaign = load(
            WHOLE.replace("experiments:", 'defaults: {env: {M: "{{ model }}"}}\nexperiments:')
            + "  - {name: ask, backend: alpha, command: [ask]}\n"
        )
        assert [one.environment for one in campaign.experiments] == [{"M": "llama"}, {"M": "qwen"}]

    def test_without_a_sweep_braces_are_text(self, load: Load) -> None:
        campaign = load(
            "name: old\nexperiments:\n"
            '  - {name: one, backend: alpha, command: [docker, ps, --format, "{{ .Names }}"]}\n'
        )
        assert campaign.experiments[0].command[-1] == "{{ .Names }}"
        assert campaign.experiments[0].params == {}


class TestNames:
    def test_another_value_renames_nothing(self) -> None:
        few = names("e", [{"a": 1}, {"a": 2}])
        assert names("e", [{"a": 0}, {"a": 1}, {"a": 2}])[1:] == few

    def test_what_is_no_plain_name_is_made_one(self, load: Load) -> None:
        campaign = load(entry('matrix: {prompt: ["meta/Llama 3"], threads: [1]}'))
        assert campaign.experiments[0].name == "generate-prompt_meta-Llama-3-threads_1"

    def test_a_name_of_one_s_own_may_hold_parameters(self, load: Load) -> None:
        written = entry("matrix: {prompt: [16], threads: [1, 2]}").replace(
            "name: generate", 'name: "g{{ prompt }}x{{ threads }}"'
        )
        assert [one.name for one in load(written).experiments] == ["g16x1", "g16x2"]

    @given(
        st.lists(
            st.dictionaries(
                st.sampled_from("ab"), st.text() | st.integers() | st.floats(allow_nan=False)
            ),
            unique_by=repr,
        )
    )
    def test_all_are_plain_and_different(self, chosen: list[dict[str, Any]]) -> None:
        made = names("e" * 60, chosen)
        assert len({*made}) == len(made)
        assert all(map(is_plain, made))


class TestWhatIsWrong:
    @pytest.mark.parametrize(
        ("sweep", "words"),
        [
            ("matrix: {promt: [1], threads: [1]}", ["{{ prompt }}", "did you mean 'promt'?"]),
            (
                "matrix: {prompt: [1], threads: [1], seed: [1]}",
                ["sweeps over seed", "does not use it"],
            ),
            ("zip: {prompt: [1, 2], threads: [1]}", ["same length: prompt has 2, threads has 1"]),
            ("matrix: {prompt: [], threads: [1]}", ["prompt must be a list of values"]),
            ("matrix: {prompt: [1, 1], threads: [1]}", ["prompt has a value twice"]),
            ("matrix: {prompt: {from: 3, to: 1}, threads: [1]}", ["a range goes up"]),
            ("matrix: {prompt: [.nan], threads: [1]}", ["must not be nan"]),
            ("matrix: {prompt: [1], threads: [1]}\nexclude: [{prompt: 1}]", ["leaves nothing"]),
            ("matrix: {prompt: [1]}\nzip: {prompt: [1], threads: [1]}", ["prompt in two of"]),
            (
                "matrix: {prompt: [1]}\ninclude: [{prompt: 2, threads: 1}]",
                ["gives no threads with prompt=1"],
            ),
            ("from: none.csv", ["none.csv cannot be read: No such file"]),
            ("matrx: {prompt: [1]}", ["unknown key", "did you mean 'matrix'?"]),
            (
                "matrix: {prompt: {from: 1, to: 100000}, threads: {from: 1, to: 100}}",
                ["has 10000000 combinations; 1000 are the most", "max_runs: 10000000"],
            ),
        ],
    )
    def test_it_is_named_with_its_line(
        self, said: Callable[..., str], sweep: str, words: list[str]
    ) -> None:
        message = said(entry(sweep))
        assert all(word in message for word in words), message
        assert "(line " in message

    def test_names_that_are_the_same_are_told_with_both(self, said: Callable[..., str]) -> None:
        written = entry("matrix: {prompt: [1, 2], threads: [1]}").replace(
            "name: generate", 'name: "g{{ threads }}"'
        )
        assert "is 'g1' both with prompt=1, threads=1 and with prompt=2, threads=1" in said(written)

    @pytest.mark.parametrize(
        ("template", "words"),
        [
            ("{{ prompt", "is no template"),
            ("{% for a in prompt %}x{% endfor %}", "only {{ expressions }} are known here"),
            ("{{ prompt.nothing.more }}", "has no attribute"),
            ("{{ prompt / 0 }}", "division by zero"),
            ("{{ ''.__class__ }}", "unsafe"),
            ("{{ 'a' * 1000000000 }}", "* takes numbers"),
        ],
    )
    def test_a_template_that_fails_is_quoted(
        self, said: Callable[..., str], template: str, words: str
    ) -> None:
        written = entry("matrix: {prompt: [1], threads: [1]}").replace(
            "backend: alpha", f'backend: alpha\n    env: {{A: "{template} {{{{ threads }}}}"}}'
        )
        message = said(written)
        assert words in message
        assert template in message

    def test_what_is_wrong_with_each_combination_is_said_once(
        self, said: Callable[..., str]
    ) -> None:
        written = entry("matrix: {prompt: [1, 2, 3], threads: [1]}").replace(
            "backend: alpha", 'backend: alpha\n    timeout: "{{ prompt }}x"'
        )
        assert said(written).count("timeout") == 1


def test_each_run_of_a_large_sweep_has_an_id_of_its_own(load: Load) -> None:
    campaign = load(entry("matrix: {prompt: {from: 1, to: 100}, threads: {from: 1, to: 10}}"))
    runs = plan(campaign)
    assert len(runs) == len({run.id for run in runs}) == 1000
