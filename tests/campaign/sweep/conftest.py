"""Fixtures of the tests of sweeps."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import pytest

from engine.campaign.config.load import load_campaign
from engine.campaign.model import Campaign
from engine.errors import CampaignError

Load = Callable[..., Campaign]
Findings = Callable[..., dict[str, str]]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Loads a campaign file, beside which further files may stand."""

    def load(written: str, **files: str) -> Campaign:
        for name, text in {"campaign_yml": written, **files}.items():
            (tmp_path / name.replace("_", ".")).write_text(dedent(text))
        return load_campaign(tmp_path / "campaign.yml")

    return load


@pytest.fixture
def findings(load: Load) -> Findings:
    """What is wrong with a campaign file, by the key's path."""

    def findings(written: str, **files: str) -> dict[str, str]:
        with pytest.raises(CampaignError) as raised:
            load(written, **files)
        return dict(raised.value.findings)

    return findings
