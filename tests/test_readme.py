"""What the README shows works as it stands there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from engine.campaign.load import load_campaign

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", README, flags=re.DOTALL)


def blocks(language: str) -> list[str]:
    return [text for found, text in BLOCKS if found == language]


def test_its_campaign_is_a_campaign(tmp_path: Path) -> None:
    (text,) = blocks("yaml")
    file = tmp_path / "campaign.yml"
    file.write_text(text)
    assert load_campaign(file).experiments[0].timeout_s == 600


@pytest.mark.parametrize("number", range(len(blocks("python"))))
def test_its_python_runs(
    number: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    text = blocks("python")[number]
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/no-engine.sock")  # on local processes
    exec(compile(text, "README.md", "exec"), {})
    if "ContainerManager" in text:
        assert capsys.readouterr().out.startswith("0 ")


def test_it_points_at_what_is_there() -> None:
    links = re.findall(r"\]\(([^)#]+)\)", README)
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []
