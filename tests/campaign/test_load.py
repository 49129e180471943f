"""Campaign files: what they may say, and how errors in them are reported."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from engine.campaign.config.document import parse
from engine.campaign.config.load import check_services, load_campaign
from engine.campaign.model import Campaign, Order, Pauses
from engine.errors import CampaignError
from engine.model.results import Ending, Leftovers
from engine.model.spec import Project, ServiceSpec
from engine.policy import BackendPolicy, RestartPolicy, RetryPolicy

Load = Callable[[str], Campaign]

LEAST = """
name: small
experiments:
  - {name: one, backend: alpha, command: [run, it]}
"""


@pytest.fixture
def load(tmp_path: Path) -> Load:
    def load(written: str) -> Campaign:
        file = tmp_path / "campaign.yml"
        file.write_text(dedent(written))
        return load_campaign(file)

    return load


@pytest.fixture
def findings(load: Load) -> Callable[[str], dict[str, str]]:
    def findings(written: str) -> dict[str, str]:
        with pytest.raises(CampaignError) as raised:
            load(written)
        return dict(raised.value.findings)

    return findings


class TestWhatAFileSays:
    def test_the_least_that_it_must_say(self, load: Load, tmp_path: Path) -> None:
        campaign = load(LEAST)
        assert campaign.name == "small"
        assert campaign.compose_file == tmp_path / "docker-compose.yml"
        assert campaign.results == tmp_path / "results" / "small"
        assert (campaign.runtime, campaign.order, campaign.eager) == ("auto", Order.GROUPED, True)
        (one,) = campaign.experiments
        assert (one.name, one.backends, one.command) == ("one", ("alpha",), ("run", "it"))
        assert campaign.retry == RetryPolicy(max_attempts=2, on=frozenset({Ending.LOST}))

    def test_several_compose_files(self, load: Load, tmp_path: Path) -> None:
        campaign = load(f"{LEAST}\ncompose_file: [a.yml, ../b.yml]")
        assert campaign.compose_file == (tmp_path / "a.yml", tmp_path.parent / "b.yml")

    def test_all_that_it_may_say(self, load: Load, tmp_path: Path) -> None:
        campaign = load(
            """
            name: full
            compose_file: ../compose.yml
            runtime: process
            results: out
            backends:
              alpha:
                keep_alive: [sleep, infinity]
                max_restarts: 5
                restart_window: 10m
                restarts_in_window: 2
                backoff: 500ms
                backoff_factor: 3
                backoff_max: 1m30s
                refund_after: 1h
                ready_within: 2m
                stop_grace: 0
              beta:
            defaults: {timeout: 1h, env: {A: "1", B: "1"}, user: worker}
            experiments:
              - name: one
                backend: [alpha, beta]
                command: [run]
                env: {B: "2"}
                working_dir: /there
                timeout: 1h30m
                silence: 5m
                leftovers: fail
                max_output: 512m
                repeat: 3
            order: shuffled
            seed: 7
            cycles: 2
            pauses: {between_experiments: 1, between_configs: 60s, between_cycles: 5m}
            retry: {max_attempts: 4, on: [lost, timeout, silence, output, exit, unstarted, leftovers]}
            start: lazy
            parallel: false
            stop_at_failure_share: 0.5
            grace: 2.5
            """
        )
        assert campaign.compose_file == tmp_path.parent / "compose.yml"
        assert campaign.results == tmp_path / "out"
        assert campaign.policies["beta"] == BackendPolicy()
        assert campaign.policies["alpha"] == BackendPolicy(
            restart=RestartPolicy(
                max_restarts=5,
                window_s=600,
                max_in_window=2,
                backoff_s=0.5,
                backoff_factor=3,
                backoff_max_s=90,
                refund_after_s=3600,
            ),
            ready_within_s=120,
            stop_grace_s=0,
            keep_alive=("sleep", "infinity"),
        )
        (one,) = campaign.experiments
        assert one.environment == {"A": "1", "B": "2"}
        assert (one.silence_s, one.leftovers) == (300, Leftovers.FAIL)
        assert one.max_output_bytes == 512 * 2**20
        assert (one.user, one.working_dir, one.timeout_s, one.repeat) == (
            "worker",
            "/there",
            5400,
            3,
        )
        assert (campaign.order, campaign.seed, campaign.cycles) == (Order.SHUFFLED, 7, 2)
        assert campaign.pauses == Pauses(1, 60, 300)
        assert campaign.retry == RetryPolicy(4, frozenset(Ending) - {Ending.INTERRUPTED})
        assert (campaign.eager, campaign.parallel) == (False, False)
        assert (campaign.stop_at_failure_share, campaign.grace_s) == (0.5, 2.5)

    def test_a_config_becomes_the_command_that_takes_it(self, load: Load) -> None:
        campaign = load(
            """
            name: seed
            experiments: [{name: one, backend: alpha, config: configs/a.yaml}]
            """
        )
        assert campaign.experiments[0].command == (
            *("lem", "experiment", "configs/a.yaml", "--yes"),
        )

    def test_the_command_that_takes_a_config_can_be_chosen(self, load: Load) -> None:
        campaign = load(
            """
            name: seed
            experiment_command: [python3, measure.py]
            experiments: [{name: one, backend: alpha, config: a.yaml}]
            """
        )
        assert campaign.experiments[0].command == ("python3", "measure.py", "a.yaml", "--yes")

    def test_values_of_variables_are_not_in_its_representation(self, load: Load) -> None:
        written = LEAST.replace("[run, it]", "[run], env: {TOKEN: hush}")
        assert "hush" not in repr(load(written))


class TestWhatIsWrong:
    @pytest.mark.parametrize(
        ("written", "path", "what"),
        [
            ("timout: 3", "experiments[0].timout", "did you mean 'timeout'?"),
            ("timeout: '90'", "experiments[0].timeout", "without quotes"),
            ("timeout: 90 minutes", "experiments[0].timeout", "is no duration"),
            ("timeout: 0", "experiments[0].timeout", "longer than 0"),
            ("timeout: -1", "experiments[0].timeout", "from 0 to a year"),
            ("timeout: .nan", "experiments[0].timeout", "from 0 to a year"),
            ("timeout: true", "experiments[0].timeout", "is true or false"),
            ("repeat: '3'", "experiments[0].repeat", "without quotes"),
            ("repeat: 0", "experiments[0].repeat", "from 1 to"),
            ("repeat: 1.0", "experiments[0].repeat", "not whole"),
            ("env: {N: 3}", "experiments[0].env", "N must be text"),
            ("env: [N=3]", "experiments[0].env", "must be a mapping"),
            ("user: 1000", "experiments[0].user", "put it in quotes"),
            ("config: a.yml", "experiments[0]", "not both"),
        ],
    )
    def test_in_an_experiment(
        self, findings: Callable[[str], dict[str, str]], written: str, path: str, what: str
    ) -> None:
        assert what in findings(LEAST.replace("[run, it]", f"[run], {written}"))[path]

    @pytest.mark.parametrize("empty", ["", "null, config: ", "null, config: ~"])
    def test_an_experiment_whose_command_is_empty_has_none(
        self, findings: Callable[[str], dict[str, str]], empty: str
    ) -> None:
        told = findings(LEAST.replace("[run, it]", empty))
        assert "needs either a command" in told["experiments[0]"]

    @pytest.mark.parametrize(
        ("written", "path", "what"),
        [
            ("ordr: grouped", "ordr", "did you mean 'order'?"),
            ("order: interleavd", "order", "did you mean 'interleaved'?"),
            ("start: yes", "start", "must be one of eager, lazy"),
            ("parallel: 'no'", "parallel", "must be true or false"),
            ("stop_at_failure_share: 50", "stop_at_failure_share", "from 0 to 1"),
            ("stop_at_failure_share: 0", "stop_at_failure_share", "above 0"),
            ("retry: {on: [lots]}", "retry.on", "did you mean 'lost'?"),
            ("retry: 3", "retry", "must be a mapping"),
            ("backends: [alpha]", "backends", "must be a mapping"),
            ("backends: {alpha: {max_restart: 3}}", "backends.alpha.max_restart", "max_restarts"),
            ("backends: {alpha: {keep_alive: sleep 9}}", "backends.alpha.keep_alive", "a list"),
            (
                "backends: {alpha: {restarts_in_window: 3}}",
                "backends.alpha.restarts_in_window",
                "needs a restart_window",
            ),
            ("pauses: {between_cycle: 3}", "pauses.between_cycle", "between_cycles"),
            ("cycles: 1000000", "cycles", "from 1 to 1000"),
        ],
    )
    def test_at_the_top(
        self, findings: Callable[[str], dict[str, str]], written: str, path: str, what: str
    ) -> None:
        assert what in findings(f"{LEAST}{written}\n")[path]

    def test_a_line_of_shell_is_refused_with_what_to_write(
        self, findings: Callable[[str], dict[str, str]]
    ) -> None:
        found = findings(LEAST.replace("[run, it]", "run it"))
        assert "[sh, -c, 'the line']" in found["experiments[0].command"]

    def test_everything_is_told_at_once_in_the_order_of_the_file_with_lines(
        self, load: Load
    ) -> None:
        with pytest.raises(CampaignError) as raised:
            load(
                """\
                order: sideways
                experiments:
                  - name: a/b
                    backend: alpha
                    command: []
                seed: x
                """
            )
        assert [(path, what.rpartition(" ")[2]) for path, what in raised.value.findings] == [
            ("name", "it"),
            ("order", "1)"),
            ("experiments[0].name", "3)"),
            ("experiments[0].command", "5)"),
            ("seed", "6)"),
        ]

    def test_two_experiments_that_give_the_same_run(
        self, findings: Callable[[str], dict[str, str]]
    ) -> None:
        found = findings(
            """
            name: twice
            experiments:
              - {name: one, backend: alpha, command: [run], repeat: 2}
              - {name: one-r2, backend: alpha, command: [run]}
            """
        )
        assert "alpha-one-r2" in found["experiments[1].name"]

    def test_more_runs_than_can_be_meant(self, findings: Callable[[str], dict[str, str]]) -> None:
        found = findings(f"{LEAST.replace('it]', 'it], repeat: 1000')}cycles: 1000\n")
        assert "1,000,000 runs" in found["experiments"]

    @pytest.mark.parametrize("empty", ["", "[]", "text", "3", "name: [", "\t", "a: &a [*a]"])
    def test_what_is_no_campaign_at_all(self, load: Load, empty: str) -> None:
        with pytest.raises(CampaignError):
            load(empty)

    def test_a_file_that_is_not_there(self, tmp_path: Path) -> None:
        with pytest.raises(CampaignError, match="No such file"):
            load_campaign(tmp_path / "none.yml")

    @settings(deadline=None)
    @given(
        st.binary(max_size=200)
        | st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass"))
    )
    @example(b"name: a\nexperiments: [" + b"[" * 1000)
    @example(b"name: !!python/object:os.system x")
    @example(b"? [a]\n: b")
    @example(b"2001-99-99")
    @example(b"%YAML 1.1\n---\non: 0o9")
    def test_whatever_the_bytes_it_is_an_error_of_ours(
        self, tmp_path_factory: pytest.TempPathFactory, written: bytes
    ) -> None:
        file = tmp_path_factory.getbasetemp() / "any.yml"
        file.write_bytes(written)
        with pytest.raises(CampaignError):
            load_campaign(file)

    @settings(deadline=None)
    @given(
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(
                    st.sampled_from(
                        [
                            "name",
                            "backend",
                            "command",
                            "env",
                            "repeat",
                            "on",
                            "alpha",
                            "timeout",
                            "x",
                        ]
                    ),
                    inner,
                    max_size=4,
                )
            ),
            max_leaves=12,
        ),
        st.sampled_from(
            ["experiments", "backends", "retry", "pauses", "defaults", "seed", "grace"]
        ),
    )
    def test_whatever_the_shape_it_loads_or_is_an_error_of_ours(
        self, tmp_path_factory: pytest.TempPathFactory, value: object, key: str
    ) -> None:
        from ruamel.yaml import YAML

        file = tmp_path_factory.getbasetemp() / "shape.yml"
        least = parse(LEAST.encode(), "least").value
        with file.open("w", encoding="utf-8", errors="surrogatepass") as stream:
            YAML(typ="safe", pure=True).dump({**least, key: value}, stream)
        try:
            campaign = load_campaign(file)
        except CampaignError:
            return
        assert campaign.experiments


class TestAgainstTheComposeFile:
    @pytest.fixture
    def project(self, tmp_path: Path) -> Project:
        services = {name: ServiceSpec(name) for name in ("alpha", "beta")}
        return Project("p", tmp_path, (tmp_path / "docker-compose.yml",), services)

    def test_services_that_are_there(self, load: Load, project: Project) -> None:
        check_services(load(LEAST), project)

    def test_services_that_are_not(self, load: Load, project: Project) -> None:
        written = LEAST.replace("alpha", "[alpha, bta]") + "backends: {gamma: {max_restarts: 1}}"
        with pytest.raises(CampaignError) as raised:
            check_services(load(written), project)
        found = dict(raised.value.findings)
        assert "did you mean 'beta'?" in found["experiments[0].backend"]
        assert "it has alpha, beta" in found["backends.gamma"]
