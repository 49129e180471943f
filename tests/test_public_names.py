"""The public names: all are there, under both roofs, and cover what the documentation imports."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

import dockwarden
import engine
import engine.errors
import states

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
IMPORTED = re.compile(
    r"^\s*(?:>>> )?from (engine|states|dockwarden) import ([\w, ]+)$", re.MULTILINE
)


@pytest.mark.parametrize("package", [engine, states, dockwarden], ids=lambda one: one.__name__)
def test_every_public_name_can_be_had(package: ModuleType) -> None:
    names = package.__all__
    assert len(names) == len(set(names))
    assert {*names} <= {*dir(package)}
    for name in names:
        assert getattr(package, name) is not None


def test_every_error_is_a_public_name() -> None:
    assert {*engine.errors.__all__} <= {*engine.__all__}


def test_what_the_documentation_imports_is_public() -> None:
    imported = {
        (package, name)
        for page in PAGES
        for package, names in IMPORTED.findall(page.read_text())
        for name in names.replace(" ", "").split(",")
    }
    assert ("engine", "ContainerManager") in imported
    public = {(one.__name__, name) for one in (engine, states, dockwarden) for name in one.__all__}
    assert imported <= public


def test_dockwarden_is_engine_and_states_under_one_name() -> None:
    assert {*dockwarden.__all__} == {"__version__", *engine.__all__, *states.__all__}
    assert dockwarden.ContainerManager is engine.ContainerManager
    assert dockwarden.BACKEND is states.BACKEND
    with pytest.raises(AttributeError, match="nothing"):
        _ = dockwarden.nothing


def test_a_name_that_is_not_public_is_no_attribute() -> None:
    with pytest.raises(AttributeError, match="nothing"):
        _ = engine.nothing


def run(*arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, *arguments], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return done.stdout


def test_the_package_is_the_command() -> None:
    assert run("-m", "dockwarden", "--version") == f"dockwarden, version {dockwarden.__version__}\n"


def test_policies_load_nothing_that_does_anything() -> None:
    loaded = run(
        *("-c", "import sys\nfrom engine import RestartPolicy\nprint(*sorted(sys.modules))"),
    ).split()
    ours = {name for name in loaded if name.partition(".")[0] in ("engine", "states")}
    assert ours <= {
        *("engine", "engine._moved", "engine.policy"),
        *("engine.model", "engine.model.measurements", "engine.model.results"),
        *(
            f"engine.policy.{name}"
            for name in ("backend", "gpu", "health", "readiness", "restart", "retry")
        ),
    }
