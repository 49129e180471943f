"""Our containers against real Compose's: the same, key by key, but for a table of meant differences."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from engine.model.spec import ComposeProgram
from engine.runtimes.docker.containers.naming import container_name, referenced_services
from engine.runtimes.docker.daemon.client import connect
from tests.compose.both import IMAGE, Created, clear, created, creating_only
from tests.compose.cases import CASES, CORPUS, ENVIRON, Case, grouped, together
from tests.compose.differences import DIFFERENCES, PAGE, Difference, page
from tests.compose.effort import ALL
from tests.lab import BASE_IMAGE, Engine

pytestmark = [pytest.mark.docker, pytest.mark.timeout(900)]  # the first test waits for all cases

PROJECT = "dockwarden-corpus"
DOCKERFILE = f"""
FROM {BASE_IMAGE}
ENV FROM_IMAGE=1 LOG_LEVEL=image
LABEL of=image
VOLUME /of-the-image
EXPOSE 1234
WORKDIR /opt
ENTRYPOINT ["/entrypoint"]
CMD ["serve"]
"""

# Each kind of setting of a container, each meant difference, and every eighth file that is like a real one.
# What a container is made from follows from the model alone, and every file's model is compared in
# test_against_compose.py.
SELECTED = (
    *("commands", "gpu-kinds", "kernel", "limits", "links", "memory", "namespaces"),
    *("network-modes", "networks", "secrets-values", "security", "stopping", "volumes"),
    *("volumes-drivers", "volumes-shared", "agent-dify", "comfyui", "health", "localai"),
    *("notebook-jupyter", "stable-diffusion", "tgi-plain", "triton-perf", "vllm-lora"),
)
GROUPS = grouped(CASES.values() if ALL else [CASES[name] for name in SELECTED])
MEMBERS = [(case, group) for group in GROUPS for case in group]

Outcomes = dict[tuple[Case, ...], Created | Exception]


@pytest.fixture(scope="module")
def outcomes(
    lab: Engine, compose_binary: Path, tmp_path_factory: pytest.TempPathFactory
) -> Outcomes:
    """Cases created by both, a group at a time."""
    folder = tmp_path_factory.mktemp("both")
    corpus = shutil.copytree(CORPUS, folder / "corpus")
    (folder / "image").mkdir()
    (folder / "image" / "Dockerfile").write_text(DOCKERFILE)
    shared = folder / "shared"
    shared.mkdir()
    compose = ComposeProgram(compose_binary, version(compose_binary))
    done: Outcomes = {}
    with pytest.MonkeyPatch.context() as patch, creating_only():
        seen_by_both = {**lab.environment, **ENVIRON, "PATH": os.environ["PATH"]}
        for name, value in seen_by_both.items():
            patch.setenv(name, value)
        client = connect()
        list(client.build(path=str(folder / "image"), tag=IMAGE, rm=True))
        for group in GROUPS:
            try:
                done[group] = created(
                    together(group),
                    corpus,
                    shared,
                    compose,
                    PROJECT,
                    unchecked=CASES["localai"].services,
                )
            except Exception as error:  # noqa: BLE001 - it is the outcome of these cases' tests
                done[group] = error
                clear(PROJECT, client)
        clear(PROJECT, client)
        client.close()
    return done


def version(compose: Path) -> str:
    asked = [str(compose), "version", "--short"]
    return subprocess.run(asked, check=True, capture_output=True, text=True).stdout.strip()


def of(outcomes: Outcomes, group: tuple[Case, ...]) -> Created:
    outcome = outcomes[group]
    if isinstance(outcome, Exception):
        raise outcome
    return outcome


def differing(both: Created, *only: str) -> Iterator[tuple[str, str, Any, Any]]:
    """What differs: of which container, under which key, Compose's value and ours.

    Args:
        both: the project.
        only: the containers to compare; all where none is named.
    """
    for name in only or sorted(both.theirs.keys() | both.ours.keys()):
        theirs, ours = both.theirs.get(name, {}), both.ours.get(name, {})
        for key in sorted(theirs.keys() | ours.keys()):
            if theirs.get(key) != ours.get(key):
                yield name, key, theirs.get(key), ours.get(key)


def unexplained(both: Created, *only: str) -> Iterator[tuple[str, str, Any, Any]]:
    """Likewise, what is not meant to differ."""
    for found in differing(both, *only):
        if reason(*found[1:]) is None and not holds_an_id(both, *found[:2]):
            yield found


def reason(key: str, theirs: Any, ours: Any) -> Difference | None:
    return next((row for row in DIFFERENCES if row.explains(key, theirs, ours)), None)


def holds_an_id(both: Created, container: str, key: str) -> bool:
    """Whether a digest is made of other containers' ids, which differ; see test_own_commands.py."""
    services = {container_name(both.project, each): each for each in both.project.services.values()}
    return key == "Config.Labels[com.docker.compose.config-hash]" and bool(
        referenced_services(services[container])
    )


@pytest.mark.parametrize(("case", "group"), MEMBERS, ids=[case.name for case, _ in MEMBERS])
def test_a_project_is_created_as_compose_creates_it(
    case: Case, group: tuple[Case, ...], outcomes: Outcomes
) -> None:
    both = of(outcomes, group)
    names = {container_name(both.project, both.project.services[key]) for key in case.services}

    assert names
    assert names <= both.ours.keys()
    assert list(unexplained(both, *names)) == []


@pytest.mark.parametrize("group", GROUPS, ids=lambda group: group[0].name)
def test_nothing_else_is_created(group: tuple[Case, ...], outcomes: Outcomes) -> None:
    both = of(outcomes, group)
    assert both.ours.keys() == both.theirs.keys()
    others = [name for name in both.ours if name.startswith(("network ", "volume "))]
    assert list(unexplained(both, *others)) == []


def test_every_meant_difference_is_seen(outcomes: Outcomes, lab: Engine) -> None:
    done = [outcome for outcome in outcomes.values() if isinstance(outcome, Created)]
    seen = {reason(*found[1:]) for both in done for found in differing(both)}
    meant = [row for row in DIFFERENCES if row.is_on(lab.version)]
    assert [row.key for row in meant if row not in seen] == []


def test_the_page_is_up_to_date() -> None:
    written = PAGE.read_text()
    assert written == page(written), "write it again: python -m tests.compose.differences"
