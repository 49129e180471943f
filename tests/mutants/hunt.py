"""Killing mutants: the engine's by its tests, in copies of the repository; the tables' by ``verify``."""

from __future__ import annotations

import compileall
import os
import queue
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Final

from attrs import define, field, frozen

from states import LifecycleError
from states.verify import verify
from tests.mutants.of_sources import KILLERS, Mutant
from tests.mutants.of_tables import TableMutant

__all__ = ["Fate", "hunt", "of_table"]

ROOT: Final = Path(__file__).parents[2]
_COPIED: Final = ("engine", "states", "tests", "pyproject.toml")
_AT_ONCE: Final = 2
_ONE_TEST_S: Final = 60
_ALL_TESTS_S: Final = 600
_SURVIVED, _KILLED = 0, 1


@frozen
class Fate:
    """What has become of a mutant.

    Attributes:
        name: the mutant's.
        killer: what killed it; None if it lives.
    """

    name: str
    killer: str | None

    @property
    def line(self) -> str:
        """It in words."""
        return (
            f"survives  {self.name}"
            if self.killer is None
            else f"killed    {self.name}  by {self.killer}"
        )


def of_table(mutant: TableMutant) -> Fate:
    """What becomes of a table's mutant: refused when it is built, or else by the proof."""
    try:
        mutated = mutant.build()
    except LifecycleError:
        return Fate(mutant.name, "the check when it is built")
    for proof in verify(mutated, backends=1):
        if proof.counterexample is not None:
            return Fate(mutant.name, f"verify: {proof.counterexample.claim}")
    return Fate(mutant.name, None)


def hunt(mutants: Sequence[Mutant]) -> Iterator[Fate]:
    """What becomes of the engine's mutants, in the order in which it is known.

    Raises:
        RuntimeError: the tests that are to kill them fail without any mutant, or cannot be run.
    """
    with ThreadPoolExecutor(_AT_ONCE) as pool, _copies(_AT_ONCE) as copies:
        _check(copies, sorted({test for mutant in mutants for test in KILLERS[mutant.file]}))
        hunted = [pool.submit(_hunt_one, mutant, copies) for mutant in mutants]
        for done in as_completed(hunted):
            yield done.result()


@define
class _Copy:
    """A copy of the repository, in which one mutant at a time lives."""

    folder: Path
    _times: count[int] = field(factory=lambda: count(1))

    def tests_on(self, mutant: Mutant) -> tuple[int, str]:
        """Run the tests that are to kill a mutant; their exit code and what they printed."""
        path = self.folder / mutant.file
        before = path.read_text()
        self._write(path, mutant.apply(before))
        try:
            return self.tests(KILLERS[mutant.file])
        finally:
            self._write(path, before)

    def tests(self, tests: Sequence[str]) -> tuple[int, str]:
        """Run tests as it is."""
        options = ("-x", "-q", "--tb=no", "-p", "no:cacheprovider", "--hypothesis-seed=0")
        done = subprocess.run(
            [sys.executable, "-m", "pytest", *options, f"--timeout={_ONE_TEST_S}", *tests],
            cwd=self.folder,
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
            timeout=_ALL_TESTS_S,
            check=False,
        )
        return done.returncode, done.stdout + done.stderr

    def _write(self, path: Path, source: str) -> None:
        """Write a file with a time of its own: what is compiled is told apart by it, in whole seconds."""
        path.write_text(source)
        at_s = next(self._times)
        os.utime(path, (at_s, at_s))


@contextmanager
def _copies(number: int) -> Iterator[queue.Queue[_Copy]]:
    copies: queue.Queue[_Copy] = queue.Queue()
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        for one in range(number):
            copy = Path(folder) / str(one)
            copy.mkdir()
            for name in _COPIED:
                there = ROOT / name
                if there.is_dir():
                    shutil.copytree(
                        there, copy / name, ignore=shutil.ignore_patterns("__pycache__")
                    )
                else:
                    shutil.copy(there, copy / name)
            compileall.compile_dir(copy, quiet=1)
            copies.put(_Copy(copy))
        yield copies


def _check(copies: queue.Queue[_Copy], tests: Sequence[str]) -> None:
    """See that the tests pass on what is sound."""
    copy = copies.get()
    code, printed = copy.tests(tests)
    copies.put(copy)
    if code != _SURVIVED:
        raise RuntimeError(f"the tests fail without any mutant:\n{printed}")


def _hunt_one(mutant: Mutant, copies: queue.Queue[_Copy]) -> Fate:
    copy = copies.get()
    try:
        code, printed = copy.tests_on(mutant)
    finally:
        copies.put(copy)
    if code not in (_SURVIVED, _KILLED):
        raise RuntimeError(f"{mutant.name} cannot be run:\n{printed}")
    return Fate(mutant.name, None if code == _SURVIVED else _killer(printed))


def _killer(printed: str) -> str:
    """The test that failed, as pytest names it, without its folder."""
    for line in printed.splitlines():
        if line.startswith(("FAILED ", "ERROR ")):
            return line.split()[1].rpartition("/")[2]
    return "a test that ran out of time"
