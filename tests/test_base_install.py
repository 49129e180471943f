"""What ``pip install dockwarden`` gives works without the packages of any extra."""

from __future__ import annotations

import importlib.metadata
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterable
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

# Makes what only an extra brings as absent as it is without it.
HIDE = """
import sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in HIDDEN:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Absent())
"""


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def closure(requirements: Iterable[str]) -> set[str]:
    """The distributions that these requirements bring, by normal name."""
    found: set[str] = set()
    waiting = [Requirement(each) for each in requirements]
    while waiting:
        wanted = waiting.pop()
        name = normal(wanted.name)
        if name in found or name == PROJECT["name"]:
            continue
        try:
            brought = importlib.metadata.requires(name) or ()
        except importlib.metadata.PackageNotFoundError:
            continue  # not installed here, and so not to be hidden
        found.add(name)
        extras = [{"extra": extra} for extra in (*wanted.extras, "")]
        waiting += [
            inner
            for inner in map(Requirement, brought)
            if inner.marker is None or any(inner.marker.evaluate(extra) for extra in extras)
        ]
    return found


@pytest.fixture(scope="module")
def hidden() -> list[str]:
    """The top-level modules that only extras bring."""
    extras = [each for extra in PROJECT["optional-dependencies"].values() for each in extra]
    only_extras = closure(extras) - closure(PROJECT["dependencies"])
    return sorted(
        module
        for module, distributions in importlib.metadata.packages_distributions().items()
        if {normal(name) for name in distributions} <= only_extras
    )


def python(hidden: list[str], code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", f"HIDDEN = {set(hidden)!r}\n{HIDE}\n{code}"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )


def test_there_is_something_to_do_without(hidden: list[str]) -> None:
    assert {"pytest", "hypothesis", "python_on_whales"} <= {*hidden}
    assert not {"docker", "attrs", "rich", "transitions", "engine", "states"} & {*hidden}


def test_every_public_name_is_there(hidden: list[str]) -> None:
    done = python(
        hidden,
        "import dockwarden, engine, states\n"
        "for module in (dockwarden, engine, states):\n"
        "    print(len([getattr(module, name) for name in module.__all__]) > 0)",
    )
    assert (done.stdout, done.stderr) == ("True\n" * 3, "")


@pytest.mark.parametrize(
    "arguments",
    [["--help"], ["run", "examples/campaign.yml", "--dry-run", "--runtime", "process"]],
    ids=" ".join,
)
def test_the_command_works(hidden: list[str], arguments: list[str]) -> None:
    done = python(
        hidden, f"sys.argv[1:] = {arguments!r}\nfrom engine.cli import main\nsys.exit(main())"
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout


def test_a_backend_runs(hidden: list[str], tmp_path: Path) -> None:
    file = tmp_path / "docker-compose.yml"
    file.write_text("services: {a: {image: none}}")
    done = python(
        hidden,
        "from engine import ContainerManager\n"
        f"with ContainerManager({str(file)!r}, runtime='process') as manager:\n"
        "    manager.start_services(['a'])\n"
        "    print(manager.execute('a', ['true']).exit_code)",
    )
    assert (done.stdout, done.returncode) == ("0\n", 0), done.stderr


def test_what_needs_an_extra_says_how_to_get_it(hidden: list[str], tmp_path: Path) -> None:
    file = tmp_path / "docker-compose.yml"
    file.write_text("services: {a: {image: none}}")
    done = python(
        hidden,
        "from engine import ContainerManager\n"
        "from engine.errors import MissingExtra\n"
        "try:\n"
        f"    ContainerManager({str(file)!r}, runtime='compose')\n"
        "except MissingExtra as error:\n"
        "    print(error)",
    )
    assert "pip install 'dockwarden[compose]'" in done.stdout, done.stderr
