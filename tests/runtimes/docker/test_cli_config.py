"""The settings of the Docker CLI that containers and images heed: proxies, and credential helpers."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from engine.model.spec import BuildSpec, Project, ServiceSpec
from engine.runtimes.docker.daemon.cli_config import cli_config, forget_missing_helpers
from engine.runtimes.docker.daemon.proxies import proxies, with_proxies

Settings = Callable[[Any], None]

HERE = "unix:///here.sock"


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    monkeypatch.setenv("DOCKER_HOST", HERE)

    def settings(value: Any) -> None:
        (tmp_path / "config.json").write_text(
            value if isinstance(value, str) else json.dumps(value)
        )

    return settings


def test_there_need_not_be_any(settings: Settings) -> None:
    assert proxies() == {}
    for value in ("", "no JSON", "[]", "null"):
        settings(value)
        assert cli_config({"DOCKER_CONFIG": "/nowhere"}) == {}
        assert proxies() == {}


def test_each_proxy_is_given_in_both_spellings(settings: Settings) -> None:
    settings(
        {"proxies": {"default": {"httpProxy": "http://p:3128", "noProxy": "a,b", "allProxy": ""}}}
    )

    assert proxies() == {
        "HTTP_PROXY": "http://p:3128",
        "http_proxy": "http://p:3128",
        "NO_PROXY": "a,b",
        "no_proxy": "a,b",
    }


@pytest.mark.parametrize(
    ("host", "expected"), [(HERE, "of-here"), ("unix:///other.sock", "of-all")]
)
def test_an_engine_may_have_its_own(settings: Settings, host: str, expected: str) -> None:
    settings({"proxies": {"default": {"httpProxy": "of-all"}, HERE: {"httpProxy": "of-here"}}})

    assert proxies({"DOCKER_HOST": host})["HTTP_PROXY"] == expected


def test_what_a_service_says_of_a_proxy_holds(tmp_path: Path) -> None:
    service = ServiceSpec(
        name="a",
        environment={"HTTP_PROXY": "mine"},
        environment_unset=("NO_PROXY",),
        build=BuildSpec(tmp_path, args={"HTTP_PROXY": "mine"}),
    )
    project = Project("p", tmp_path, (), {"a": service})
    of_cli = {"HTTP_PROXY": "theirs", "NO_PROXY": "theirs", "http_proxy": "theirs"}

    given = with_proxies(project, of_cli).services["a"]

    assert given.environment == {"HTTP_PROXY": "mine", "http_proxy": "theirs"}
    assert given.build is not None
    assert given.build.args == {**of_cli, "HTTP_PROXY": "mine"}
    assert with_proxies(project, {}) is project


def test_only_credential_helpers_that_are_installed_are_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    helper = tmp_path / "docker-credential-there"
    helper.touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    there = {"credsStore": "there", "credHelpers": {"r": "there"}, "auths": {"x": {}}}
    missing: dict[str, Any] = {
        "credsStore": "gone",
        "credHelpers": {"r": "there", "s": "gone"},
        "auths": {"x": {}},
    }

    forget_missing_helpers(there)
    forget_missing_helpers(missing)

    assert there == {"credsStore": "there", "credHelpers": {"r": "there"}, "auths": {"x": {}}}
    assert missing["credHelpers"] == {"r": "there"}
    assert "credsStore" not in missing
    assert missing["auths"]["x"] == {}
