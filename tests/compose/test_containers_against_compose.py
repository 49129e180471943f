"""Our containers against real Compose's: the same, key by key, but for a table of meant differences."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from engine.model.spec import ComposeProgram
from engine.runtimes.docker.containers.naming import container_name, referenced_services
from engine.runtimes.docker.daemon.client import connect
from tests.compose.both import IMAGE, Created, clear, created, creating_only
from tests.compose.cases import CASES, CORPUS, ENVIRON
from tests.compose.differences import DIFFERENCES, PAGE, Difference, page
from tests.compose.reading import in_use
from tests.compose.shapes import FILES, read_alone, together
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
AT_ONCE = 3

# Each kind of setting of a container, and each meant difference. What a container is made from follows
# from the model alone, and every file's model is compared in test_against_compose.py.
SELECTED = (
    *(
        "commands",
        "gpu-kinds",
        "kernel",
        "limits",
        "links",
        "memory",
        "namespaces",
        "network-modes",
    ),
    *("networks", "secrets-values", "security", "stopping", "volumes"),
    *("volumes-drivers", "volumes-shared"),
)
ALL = os.environ.get("COMPOSE_CASES") == "all"
NAMES = list(CASES) if ALL else SELECTED
SHAPE_FILES = FILES if ALL else FILES[::6]
SHAPES = together(SHAPE_FILES)

Outcomes = dict[str, Created | Exception]


@pytest.fixture(scope="module")
def outcomes(
    lab: Engine, compose_binary: Path, tmp_path_factory: pytest.TempPathFactory
) -> Outcomes:
    """Cases created by both, several at a time."""
    folder = tmp_path_factory.mktemp("both")
    corpus = shutil.copytree(CORPUS, folder / "corpus")
    (folder / "image").mkdir()
    (folder / "image" / "Dockerfile").write_text(DOCKERFILE)
    shared = folder / "shared"
    shared.mkdir()
    compose = ComposeProgram(compose_binary, version(compose_binary))

    def create(number: int) -> Outcomes:
        project = f"{PROJECT}-{number}"
        done: Outcomes = {}
        for name in NAMES[number::AT_ONCE]:
            try:
                done[name] = created(CASES[name], corpus, shared, compose, project)
            except Exception as error:  # noqa: BLE001 - it is the outcome of that case's test
                done[name] = error
                clear(project, client)
        clear(project, client)
        return done

    def create_shapes() -> Outcomes:
        try:
            home = shutil.copytree(SHAPES.home, folder / "shapes")
            return {SHAPES.name: created(SHAPES, home, shared, compose, f"{PROJECT}-shapes")}
        except Exception as error:  # noqa: BLE001 - likewise
            return {SHAPES.name: error}
        finally:
            clear(f"{PROJECT}-shapes", client)

    with pytest.MonkeyPatch.context() as patch, creating_only():
        seen_by_both = {**lab.environment, **ENVIRON, "PATH": os.environ["PATH"]}
        for name, value in seen_by_both.items():
            patch.setenv(name, value)
        client = connect()
        list(client.build(path=str(folder / "image"), tag=IMAGE, rm=True))
        with ThreadPoolExecutor(AT_ONCE + 1) as pool:
            shapes = pool.submit(create_shapes)
            done = [*pool.map(create, range(AT_ONCE)), shapes.result()]
        client.close()
    return {name: outcome for part in done for name, outcome in part.items()}


def version(compose: Path) -> str:
    asked = [str(compose), "version", "--short"]
    return subprocess.run(asked, check=True, capture_output=True, text=True).stdout.strip()


def of(outcomes: Outcomes, name: str) -> Created:
    outcome = outcomes[name]
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


@pytest.mark.parametrize("name", NAMES)
def test_a_project_is_created_as_compose_creates_it(outcomes: Outcomes, name: str) -> None:
    both = of(outcomes, name)

    assert both.ours.keys() == both.theirs.keys()
    assert both.ours
    assert list(unexplained(both)) == []


@pytest.mark.parametrize("file", SHAPE_FILES)
def test_a_shape_is_created_as_compose_creates_it(outcomes: Outcomes, file: str) -> None:
    both = of(outcomes, SHAPES.name)
    project = read_alone(file, both.project.name)
    containers = {container_name(project, each) for each in project.services.values()}
    others = {
        f"{kind.removesuffix('s')} {each.name}"
        for kind, used in in_use(project).items()
        for each in used.values()
        if not each.external and each.key != "default"
    }
    names = containers | others

    assert containers <= both.ours.keys()
    assert containers <= both.theirs.keys()
    assert list(unexplained(both, *names)) == []


def test_every_meant_difference_is_seen(outcomes: Outcomes, lab: Engine) -> None:
    done = [outcome for outcome in outcomes.values() if isinstance(outcome, Created)]
    seen = {reason(*found[1:]) for both in done for found in differing(both)}
    meant = [row for row in DIFFERENCES if row.is_on(lab.version)]
    assert [row.key for row in meant if row not in seen] == []


def test_the_page_is_up_to_date() -> None:
    written = PAGE.read_text()
    assert written == page(written), "write it again: python -m tests.compose.differences"
