"""Reading a campaign file's YAML, and finding the lines that its keys stand on."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from attrs import field, frozen
from ruamel.yaml import YAML
from ruamel.yaml.nodes import MappingNode, Node, SequenceNode

from engine.campaign.config.sections import Findings
from engine.compose.node import KeyPath, dotted
from engine.compose.yaml_errors import problem
from engine.errors import CampaignError

__all__ = ["Document", "listed", "parse", "read"]


@frozen
class Document:
    """One YAML document: its value, and where it is written.

    Attributes:
        value: plain dicts, lists and scalars, in the shape of the file.
    """

    value: Any
    _text: str = field(repr=False)

    def lines(self, paths: Iterable[KeyPath]) -> list[int | None]:
        """The line, from 1, that each key stands on, or as much of its path as is written."""
        root = _yaml().compose(self._text)
        return [_line(root, path) for path in paths]


def read(file: Path, name: str) -> Document:
    """Read a campaign file.

    Args:
        name: how the user named it, for errors.

    Raises:
        CampaignError: it cannot be read, or is not YAML.
    """
    try:
        return parse(file.read_bytes(), name)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise _unusable(name, f"it cannot be read ({reason}); check the path") from error


def parse(written: bytes, name: str) -> Document:
    """Parse the bytes of a campaign file.

    Raises:
        CampaignError: they are not UTF-8, or not YAML.
    """
    try:
        text = written.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _unusable(
            name, f"byte {error.start + 1} is not UTF-8; save it as UTF-8 text"
        ) from error
    try:
        return Document(_yaml().load(text), text)
    except RecursionError as error:
        raise _unusable(name, "it is nested too deeply; write it out flat") from error
    except (
        Exception
    ) as error:  # the parser lets many kinds out for malformed scalars and directives
        raise _unusable(name, problem(error)) from error


def listed(findings: Findings, document: Document, prefix: str = "") -> list[tuple[str, str]]:
    """The findings about a file in its order, each once, with its line.

    Args:
        prefix: what comes before each key's path.
    """
    once = list(dict.fromkeys(findings.listed))
    lines = document.lines(path for path, _ in once)
    found = [(line or 0, *one) for line, one in zip(lines, once, strict=True)]
    return [
        (f"{prefix}{dotted(path) or 'the file'}", f"{what} (line {line})" if line else what)
        for line, path, what in sorted(found, key=lambda one: one[0])
    ]


def _yaml() -> YAML:
    """A reader that does not mind an anchor's name being used again, as YAML allows."""
    yaml = YAML(typ="safe", pure=True)
    yaml.composer.warn_double_anchors = False
    return yaml


def _line(node: Node | None, path: KeyPath) -> int | None:
    line: int | None = None
    for key in path:
        found = None if node is None else _inner(node, key)
        if found is None:
            break
        node, line = found
    return line


def _inner(node: Node, key: str | int) -> tuple[Node, int] | None:
    """The node under a key, and the line that the key stands on."""
    if isinstance(node, MappingNode):
        for written, value in node.value:
            if str(written.value) == key:
                return value, written.start_mark.line + 1
    if isinstance(node, SequenceNode) and isinstance(key, int) and key < len(node.value):
        element = node.value[key]
        return element, element.start_mark.line + 1
    return None


def _unusable(name: str, what: str) -> CampaignError:
    return CampaignError(name, (("the file", what),))
