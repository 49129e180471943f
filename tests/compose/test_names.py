"""Names that reach paths, labels and containers: what may be one, and what is said of the others."""

from __future__ import annotations

import json
import re
import string
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.campaign.config.load import load_campaign
from engine.compose import load_project, needed
from engine.errors import CampaignError, ComposeError
from engine.util.names import RULE, is_plain
from tests.compose.effort import some

BAD = (
    *("", ".", "..", "../up", "a/b", "/a", "-a", "--rm", ".a", "_a", "a b", " a", "a\n", "a\x00b"),
    *("a\x1b[2J", "é", "\uff41", "a\u202eb", "a:b", "a$b", "a'b", "x" * 81, "a\\b", "~", "*"),
)
ODD = st.text(max_size=100) | st.text(alphabet="./-_ a0\n\t\0~:é", max_size=12)


@pytest.mark.parametrize("name", ["a", "0", "vllm", "A.b_c-1", "x" * 80])
def test_a_plain_name(name: str) -> None:
    assert is_plain(name)


@pytest.mark.parametrize("name", BAD, ids=ascii)
def test_no_plain_name(name: str) -> None:
    assert not is_plain(name)


@some()
@given(name=ODD)
def test_a_plain_name_stays_in_its_folder_and_is_no_option(name: str) -> None:
    if is_plain(name):
        assert (Path("/folder") / name).resolve().parent == Path("/folder")
        assert set(name) <= {*string.ascii_letters, *string.digits, *"._-"}
        assert name[0] not in ".-_"


def project(folder: Path, model: dict[str, Any]) -> None:
    file = folder / "docker-compose.yml"
    file.write_text(json.dumps({"name": "p", **model}))
    found = load_project(file, environ={})
    needed(found, found.services)


@some()
@given(name=ODD)
def test_a_service_of_an_odd_name_is_refused(name: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        model = {"services": {name: {"image": "x"}}}
        if is_plain(name):
            project(Path(folder), model)
        elif not name.startswith("x-"):
            with pytest.raises(ComposeError) as refused:
                project(Path(folder), model)
            assert str(refused.value).isprintable()


@pytest.mark.parametrize("name", ["..", ".", "-rm", "_a", "x" * 81])
def test_a_name_that_compose_takes_and_no_folder_can_have(tmp_path: Path, name: str) -> None:
    with pytest.raises(ComposeError) as refused:
        project(tmp_path, {"services": {name: {"image": "x"}}})
    assert RULE in str(refused.value)


@pytest.mark.parametrize("name", BAD, ids=ascii)
@pytest.mark.parametrize("where", ["container_name", "volume"])
def test_a_name_on_the_engine(tmp_path: Path, where: str, name: str) -> None:
    service = (
        {"image": "x", "container_name": name} if where == "container_name" else {"image": "x"}
    )
    volumes = {"data": {"name": name}} if where == "volume" else {}
    model = {"services": {"a": service}, "volumes": volumes}
    if (where, name) == ("volume", "") or name == "x" * 81:  # none, or long, as Compose has it
        project(tmp_path, model)
        return
    with pytest.raises(ComposeError, match=r"no name for the engine|is not of the form|interpol"):
        project(tmp_path, model)


@some()
@given(name=ODD | st.sampled_from([name for name in BAD if name]))
def test_a_project_of_an_odd_name_has_a_plain_one_or_is_refused(name: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "docker-compose.yml"
        file.write_text(json.dumps({"name": name, "services": {"a": {"image": "x"}}}))
        try:
            found = load_project(file, environ={}).name
        except ComposeError as error:
            assert str(error).isprintable()
        else:
            assert re.fullmatch("[a-z0-9][a-z0-9_-]{0,79}", found)


@pytest.mark.parametrize("name", BAD, ids=ascii)
@pytest.mark.parametrize("where", ["campaign", "experiment"])
def test_the_names_in_a_campaign_file(tmp_path: Path, where: str, name: str) -> None:
    names = {"campaign": "c", "experiment": "e", where: name}
    experiment = {"name": names["experiment"], "backend": "a", "command": ["true"]}
    file = tmp_path / "campaign.yml"
    file.write_text(json.dumps({"name": names["campaign"], "experiments": [experiment]}))
    with pytest.raises(CampaignError) as refused:
        load_campaign(file)
    ((path, _),) = refused.value.findings
    assert path == ("name" if where == "campaign" else "experiments[0].name")
