"""Killing mutants: the engine's by its tests, in copies of the repository; the tables' by ``verify``."""

from __future__ import annotations

import compileall
import json
import os
import queue
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from types import MappingProxyType
from typing import Final

from attrs import define, field, frozen

from states import LifecycleError
from states.verify import verify
from tests.mutants.of_sources import KILLERS, MUTANTS, Mutant
from tests.mutants.of_tables import TableMutant

__all__ = ["Fate", "hunt", "keep_killers", "known_killers", "of_table"]

ROOT: Final = Path(__file__).parents[2]
_COPIED: Final = ("engine", "states", "tests", "pyproject.toml")
_AT_ONCE: Final = 2
_ONE_TEST_S: Final = 60
_ALL_TESTS_S: Final = 600
_SURVIVED, _KILLED = 0, 1
_OUT_OF_TIME: Final = "a test that ran out of time"
_NONE_KNOWN: Final[Mapping[str, str]] = MappingProxyType({})
_KNOWN: Final = Path(__file__).with_name("killers.json")
"""Written by each hunt."""


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
        if self.killer is None:
            return f"survives  {self.name}"
        return f"killed    {self.name}  by {self.killer.rpartition('/')[2]}"


def of_table(mutant: TableMutant) -> Fate:
    """Judge a table's mutant: refused when it is built, or else by the proof."""
    try:
        mutated = mutant.build()
    except LifecycleError:
        return Fate(mutant.name, "the check when it is built")
    for proof in verify(mutated, backends=1):
        if proof.counterexample is not None:
            return Fate(mutant.name, f"verify: {proof.counterexample.claim}")
    return Fate(mutant.name, None)


def hunt(mutants: Sequence[Mutant], known: Mapping[str, str] = _NONE_KNOWN) -> Iterator[Fate]:
    """Judge the engine's mutants, in the order in which the verdicts are known.

    Args:
        known: the test that killed a mutant before, by the mutant's name: it is asked first, then all.

    Raises:
        RuntimeError: the tests that are to kill them fail without any mutant, or cannot be run.
    """
    with ThreadPoolExecutor(_AT_ONCE) as pool, _copies(_AT_ONCE) as copies:
        _check(copies, sorted({test for mutant in mutants for test in KILLERS[mutant.file]}))
        hunted = [
            pool.submit(_hunt_one, mutant, copies, known.get(mutant.name)) for mutant in mutants
        ]
        for done in as_completed(hunted):
            yield done.result()


@define
class _Copy:
    """A copy of the repository, in which one mutant at a time lives."""

    folder: Path
    _times: count[int] = field(factory=lambda: count(1))

    def tests_on(self, mutant: Mutant, known: str | None) -> tuple[int, str]:
        """Run the tests that are to kill a mutant; their exit code and what they printed."""
        path = self.folder / mutant.file
        before = path.read_text()
        self._write(path, mutant.apply(before))
        try:
            if known is not None:
                code, printed = self.tests([known])
                if code == _KILLED:
                    return code, printed
            return self.tests(KILLERS[mutant.file])
        finally:
            self._write(path, before)

    def tests(self, tests: Sequence[str]) -> tuple[int, str]:
        """Run tests as it is."""
        options = ("-x", "-q", "--tb=no", "-p", "no:cacheprovider", "--hypothesis-seed=0")
        done = subprocess.run(
            [sys.executable, "-m", "pytest", *options, f"--timeout={_ONE_TEST_S}", *tests],
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=_ALL_TESTS_S,
            check=False,
        )
        return done.returncode, done.stdout + done.stderr

    def _write(self, path: Path, source: str) -> None:
        """Write a file with a new time: compiled files are distinguished by it, in whole seconds."""
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


def _hunt_one(mutant: Mutant, copies: queue.Queue[_Copy], known: str | None) -> Fate:
    copy = copies.get()
    try:
        code, printed = copy.tests_on(mutant, known)
    finally:
        copies.put(copy)
    if code not in (_SURVIVED, _KILLED):
        raise RuntimeError(f"{mutant.name} cannot be run:\n{printed}")
    return Fate(mutant.name, None if code == _SURVIVED else _killer(printed))


def _killer(printed: str) -> str:
    """The test that failed, as pytest names it."""
    for line in printed.splitlines():
        if line.startswith(("FAILED ", "ERROR ")):
            return line.split()[1]
    return _OUT_OF_TIME


def known_killers() -> dict[str, str]:
    """The test that killed each of the engine's mutants when they were last hunted, by the mutant's name."""
    known: dict[str, str] = json.loads(_KNOWN.read_text())
    return known


def keep_killers(fates: Iterable[Fate]) -> None:
    """Keep which tests have killed, to be asked first the next time."""
    known = known_killers()
    for fate in fates:
        if fate.killer is not None and "::" in fate.killer:
            known[fate.name] = fate.killer.partition("[")[0]  # all of its cases
    names = {mutant.name for mutant in MUTANTS}
    kept = {name: known[name] for name in sorted(known) if name in names}
    _KNOWN.write_text(json.dumps(kept, indent=2) + "\n")
