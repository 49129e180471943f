"""Turns on the lab's engine: many tests at once, or one that acts on all that is there, alone."""

from __future__ import annotations

import ast
import fcntl
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from tests.lab.layout import Layout
from tests.lab.turns import alone_on, beside_others_on, provide_locks

TESTS = Path(__file__).parent
TAKES_ALL = {"reap"}
"""Commands that act on every project of an engine."""


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout(tmp_path / "lab")


@pytest.fixture
def begin() -> Iterator[Callable[[AbstractContextManager[None]], Future[None]]]:
    """Asks for a turn in a thread, which ends once it has had the turn."""

    def have(turn: AbstractContextManager[None]) -> None:
        with turn:
            pass

    with ThreadPoolExecutor() as pool:
        yield lambda turn: pool.submit(have, turn)


def waits_in_turnstile(layout: Layout) -> bool:
    file = os.open(layout.turnstile_lock, os.O_RDONLY)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(file)
    return False


def test_shared_turns_overlap(layout: Layout) -> None:
    with beside_others_on(layout), beside_others_on(layout), beside_others_on(layout):
        assert not waits_in_turnstile(layout)


def test_a_test_that_has_the_engine_alone_keeps_every_other_out(layout: Layout, begin) -> None:
    with alone_on(layout):
        others = [begin(beside_others_on(layout)), begin(alone_on(layout))]
        assert not any(one.done() for one in others)
    for one in others:
        one.result()


def test_shared_turns_that_come_later_let_the_waiting_one_go_first(layout: Layout) -> None:
    order: list[str] = []
    first, asked = beside_others_on(layout), threading.Event()

    def alone() -> None:
        with alone_on(layout):
            order.append("alone")

    def beside() -> None:
        asked.set()
        with beside_others_on(layout):
            order.append("beside")

    with ThreadPoolExecutor() as pool:
        with first:
            waiting = pool.submit(alone)
            while not waits_in_turnstile(layout):
                assert not waiting.done()
            later = pool.submit(beside)
            asked.wait()
            assert order == []
        waiting.result()
        later.result()
    assert order == ["alone", "beside"]


def test_a_process_that_a_test_left_does_not_keep_its_turn(layout: Layout, begin) -> None:
    reading, writing = os.pipe()
    with beside_others_on(layout):
        child = os.fork()
        if child == 0:
            os.close(writing)
            os.read(reading, 1)
            os._exit(0)
    begin(alone_on(layout)).result(timeout=60)
    os.close(writing)
    os.waitpid(child, 0)
    os.close(reading)


def test_a_lab_of_root_serves_users_who_may_not_write_to_it(layout: Layout) -> None:
    provide_locks(layout)
    for path in (layout.turns_lock, layout.turnstile_lock):
        path.chmod(0o444)
    layout.lab_dir.chmod(0o555)
    with alone_on(layout):
        pass
    layout.lab_dir.chmod(0o755)


def test_every_test_that_acts_on_the_whole_engine_is_marked() -> None:
    """Each test function that is on Docker, or its helpers, and has such a command as a separate word."""
    unmarked = [
        f"{path.relative_to(TESTS)}: {name}"
        for path in sorted(TESTS.rglob("test_*.py"))
        for name, words, marks in functions_in(path)
        if TAKES_ALL & words and "docker" in marks and not marks & {"whole_engine", "own_engine"}
    ]
    assert unmarked == []


def functions_in(path: Path) -> Iterator[tuple[str, set[str], set[str]]]:
    """Each test of a module: its name, the words in it, and its marks."""
    tree = ast.parse(path.read_text())
    of_module = {mark for node in tree.body if is_pytestmark(node) for mark in marks_in(node)}
    for node in tree.body:
        scope = [node, *node.body] if isinstance(node, ast.ClassDef) else [node]
        of_class = marks_in(*node.decorator_list) if isinstance(node, ast.ClassDef) else set()
        for one in scope:
            if isinstance(one, ast.FunctionDef) and one.name.startswith("test"):
                marks = of_module | of_class | marks_in(*one.decorator_list)
                yield one.name, strings_in(one), marks


def is_pytestmark(node: ast.stmt) -> bool:
    return isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "pytestmark"


def marks_in(*nodes: ast.AST) -> set[str]:
    return {
        node.attr
        for tree in nodes
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "pytest.mark"
    }


def strings_in(tree: ast.AST) -> set[str]:
    """The string constants, decorators' arguments included."""
    found = (node.value for node in ast.walk(tree) if isinstance(node, ast.Constant))
    return {value for value in found if isinstance(value, str)}
