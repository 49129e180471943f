"""Reference pages out of the code; ``python -m tests.reference`` writes them.

They stand between markers, such as ``<!-- reference errors -->`` and ``<!-- /reference -->``.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import click
from attrs import NOTHING, Factory, fields, has

from engine.cli.output.markdown_blocks import rewritten
from engine.cli.program import cli
from engine.errors import DockwardenError
from engine.metrics import METRICS
from engine.policy import (
    BackendPolicy,
    GpuPolicy,
    HealthPolicy,
    HttpAnswer,
    Ready,
    RestartPolicy,
    RetryPolicy,
)
from states import StateError
from states.diagram.table import grid

__all__ = ["PAGES", "WORD", "reference"]

WORD: Final = "reference"
PAGES: Final = Path(__file__).parents[1] / "docs"

_POLICIES: Final = (
    *(BackendPolicy, RestartPolicy, HealthPolicy, Ready, HttpAnswer, GpuPolicy),
    RetryPolicy,
)


def reference(name: str) -> str:
    """The Markdown of a reference.

    Raises:
        ValueError: there is none of that name.
    """
    if name not in _REFERENCES:
        raise ValueError(f"the references are {', '.join(_REFERENCES)}")
    return "\n".join(_REFERENCES[name]())


def _policies() -> Iterator[str]:
    for policy in _POLICIES:
        yield f"## `{policy.__name__}`\n"
        yield f"{_first_line(policy)} From `engine.policy`.\n"
        yield grid(["attribute", "what", "default"], _attributes(policy))


def _attributes(policy: type[Any]) -> Iterator[list[str]]:
    meanings = attribute_docs(policy)
    for attribute in fields(policy):
        yield [f"`{attribute.name}`", meanings[attribute.name], _default(attribute.default)]


def attribute_docs(documented: type[Any]) -> dict[str, str]:
    """What a class's docstring says of its attributes."""
    section = (inspect.getdoc(documented) or "").partition("Attributes:\n")[2]
    found = re.findall(r"^    (\w+): (.*(?:\n {6,}.*)*)", section, flags=re.MULTILINE)
    return {name: _markdown(" ".join(text.split())) for name, text in found}


def _default(value: Any) -> str:
    if value is NOTHING:
        return "required"
    if isinstance(value, Factory):  # type: ignore[arg-type]
        return f"`{value.factory.__name__}()`"
    if isinstance(value, frozenset):
        return ", ".join(sorted(f"`{one.value}`" for one in value)) or "none"
    assert not has(type(value)), "a policy within a policy is made by a factory"
    return "none" if value is None else f"`{value}`"


def _errors() -> Iterator[str]:
    for base in (DockwardenError, StateError):
        yield from _branch(base, 0)
    yield ""


def _branch(error: type[BaseException], depth: int) -> Iterator[str]:
    yield f"{'  ' * depth}- `{error.__name__}`: {_markdown(_first_line(error))}"
    for below in error.__subclasses__():
        if below.__module__ in {"engine.errors", "states.errors", "states.lifecycle"}:
            yield from _branch(below, depth + 1)


def _commands() -> Iterator[str]:
    context = click.Context(cli, info_name="dockwarden", **cli.context_settings)
    for name, command in sorted(cli.commands.items()):
        within = click.Context(command, info_name=name, parent=context)
        yield f"## `dockwarden {name}`\n"
        yield _help(command)
        usage = command.get_usage(within).removeprefix("Usage: ")
        yield f"```text\n{usage}\n```\n"
        options = [one for one in command.get_params(within) if isinstance(one, click.Option)]
        yield grid(["option", "what"], (_option(one, within) for one in options))


def _help(command: click.Command) -> str:
    """The help, whose unfilled paragraphs are examples or what is to be typed."""
    paragraphs = re.split(r"\n\s*\n", inspect.cleandoc(command.help or "").replace("\f", ""))
    made = []
    for paragraph in paragraphs:
        if not paragraph.startswith("\b\n"):
            made.append(f"{_markdown(' '.join(paragraph.split()))}\n")
        elif paragraph.startswith("\b\nExample:"):
            lines = (line.strip() for line in paragraph.splitlines()[2:])
            made.append("```console\n" + "".join(f"$ {line}\n" for line in lines) + "```\n")
        else:
            typed = inspect.cleandoc(paragraph.removeprefix("\b\n"))
            made.append(f"```text\n{typed}\n```\n")
    return "\n".join(made)


def _option(option: click.Option, context: click.Context) -> list[str]:
    record = option.get_help_record(context)
    assert record is not None, option.name
    names, what = record
    return [f"`{names.replace('|', ' or ')}`", _markdown(" ".join(what.split()))]


def _first_line(documented: type[Any]) -> str:
    return " ".join((inspect.getdoc(documented) or "").split("\n\n")[0].split())


def _metrics() -> Iterator[str]:
    rows = ((f"`{one.name}`", one.kind.lower(), ", ".join(one.labels), one.doc) for one in METRICS)
    yield grid(["metric", "kind", "labels", "what"], rows)


def _markdown(text: str) -> str:
    """A docstring's words as Markdown, for a cell too."""
    text = re.sub(r":\w+:`~?(?:[\w.]*\.)?(\w+)`", r"`\1`", text).replace("``", "`")
    text = re.sub(r"(?<![`\w-])(--[a-z][a-z-]*)", r"`\1`", text)
    parts = text.split("`")
    shown = [
        f"`{part}`" if number % 2 else re.sub(r"([*_<>|\[\]])", r"\\\1", part)
        for number, part in enumerate(parts)
    ]
    return "".join(shown)


_REFERENCES: Final[Mapping[str, Callable[[], Iterator[str]]]] = {
    "command-line": _commands,
    "errors": _errors,
    "metrics": _metrics,
    "policies": _policies,
}


if __name__ == "__main__":
    for page in PAGES.glob("**/*.md"):
        before = page.read_text()
        after = rewritten(before, reference, file=str(page), word=WORD)
        if after != before:
            page.write_text(after)
