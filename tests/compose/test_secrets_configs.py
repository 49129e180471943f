"""Secrets and configs: where a service finds them, and what is in them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from engine.compose import needed
from engine.errors import ComposeError
from engine.model.secrets import project_secrets
from engine.model.spec import InjectedFile, Mount, MountKind, Project, ServiceSpec

Load = Callable[..., Project]
Service = Callable[..., ServiceSpec]

TOP = """
secrets:
  file: {file: ./token}
  variable: {environment: TOKEN}
  external: {external: true}
configs:
  text: {content: "a = ${TOKEN}\\n"}
"""


def test_a_file_of_this_machine_is_mounted_read_only(service: Service, folder: Path) -> None:
    found = service("secrets: [file, {source: file, target: /etc/token}]", top=TOP)

    assert found.files == ()
    assert found.mounts == tuple(
        Mount(MountKind.BIND, target, source=f"{folder}/token", read_only=True)
        for target in ("/run/secrets/file", "/etc/token")
    )


def test_a_variable_and_a_text_are_written_into_the_container(service: Service) -> None:
    keys = "secrets: [{source: variable, target: t, uid: '5', mode: 0400}]\nconfigs: [text]"
    found = service(keys, top=TOP, env={"TOKEN": "very secret"})

    assert found.mounts == ()
    assert found.files == (
        InjectedFile("/run/secrets/t", "very secret", mode=0o400, uid=5, secret=True),
        InjectedFile("/text", "a = very secret\n"),
    )


def test_a_secret_is_shown_nowhere(load: Load) -> None:
    text = f"services: {{a: {{image: x, secrets: [variable]}}}}\n{TOP}"
    project = load(text, env={"TOKEN": "very secret"})
    plain = load(text.replace("TOKEN", "PLAIN"), env={"PLAIN": "not to be seen"})

    assert "very secret" not in repr(project.services)
    assert project_secrets(plain).hide("it is not to be seen") == "it is ***"


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ("secrets: [variabel]", "there is no 'variabel' .*did you mean 'variable'"),
        ("secrets: [variable]", "the variable TOKEN is not set"),
        ("secrets: [external]", "only a swarm keeps it"),
    ],
)
def test_what_cannot_be_handed_stops_only_what_needs_it(load: Load, keys: str, said: str) -> None:
    project = load(f"services:\n  a: {{image: x, {keys}}}\n  b: {{image: x}}\n{TOP}")

    assert needed(project, ["b"]) == ("b",)
    with pytest.raises(ComposeError, match=said):
        needed(project, ["a"])


def test_owner_and_mode_of_a_file_of_this_machine_are_its_own_and_said_so(service: Service) -> None:
    found = service("secrets: [{source: file, uid: '5', mode: 0400}]", top=TOP)
    assert found.warnings == (
        "secrets: uid, mode of file have no effect, for it is a file of this machine",
    )
