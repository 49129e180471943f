"""The dialect of YAML that Compose reads: its numbers, its tabs, its dates and its own tags."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

from attrs import frozen
from ruamel.yaml.constructor import ConstructorError, DuplicateKeyError, SafeConstructor
from ruamel.yaml.nodes import MappingNode, ScalarNode, SequenceNode
from ruamel.yaml.scanner import Scanner, ScannerError

__all__ = ["Constructor", "TabScanner", "Tagged", "Unquoted"]

_SMALLEST, _LARGEST = (
    -(2**63),
    2**64 - 1,
)  # of what Go reads as a whole number; beyond it is a float
_DECIMAL = 10
_LINE_BREAKS = "\r\n\x85\u2028\u2029"
_DATE = re.compile(
    r"\d{4}-\d{1,2}-\d{1,2}"
    r"(?: +\d{1,2}:\d{1,2}:\d{1,2}(?:\.\d+)?|[Tt]\d{1,2}:\d{1,2}:\d{1,2}(?:\.\d+)?(?:Z|[+-]\d\d:\d\d))?",
    re.ASCII,
)
_ODD_NUMBER = re.compile(r"(?:[-+]_|[-+]?\.[0-9]*_)[0-9_.eE+-]*")
_FRACTION = re.compile(r"[-+]?\.[0-9]+[eE][0-9]+")  # which ruamel takes for text
_BIG_LETTER = re.compile(r"[-+]?0(?:X[0-9a-fA-F_]+|B[01_]+|O[0-7_]+)")


@frozen
class Tagged:
    """A value under ``!reset``, which is dropped, or under ``!override``."""

    reset: bool
    value: Any


@frozen
class Unquoted:
    """A value without quotes, whose YAML meaning the author is unlikely to mean."""

    written: str
    meaning: str


class TabScanner(Scanner):
    """The scanner, with tabs where Compose takes them: anywhere but in indentation."""

    def scan_yaml_directive_value(self, start_mark: Any) -> Any:
        said = "Compose does not follow the version in a %YAML line; take the line out"
        raise ScannerError(None, None, said, start_mark)

    def scan_to_next_token(self) -> Any:
        while self.reader.peek() in " \t" and (self.flow_level > 0 or not self.allow_simple_key):
            self.reader.forward()
        return super().scan_to_next_token()

    def scan_plain_spaces(self, indent: Any, start_mark: Any) -> Any:
        length = 0
        while self.reader.peek(length) in " \t":
            length += 1
        spaces = self.reader.prefix(length)
        self.reader.forward(length)
        if self.reader.peek() in _LINE_BREAKS:
            return super().scan_plain_spaces(indent, start_mark)
        return [spaces] if spaces else []


class Constructor(SafeConstructor):
    """The safe constructor, with numbers as Compose reads them."""

    def construct_yaml_int(self, node: Any) -> Any:
        written = str(self.construct_scalar(node)).replace("_", "")
        digits = written.lstrip("+-")
        octal = digits[:1] == "0" != digits and digits.isdecimal() and not set(digits) & {"8", "9"}
        base = 8 if octal else 0 if digits[:2].lower() in {"0x", "0o", "0b"} else 10
        whole = int(written, base)
        if _SMALLEST <= whole <= _LARGEST and written != "-0":
            return whole
        return float(written) if base == _DECIMAL else str(node.value)

    def construct_yaml_float(self, node: Any) -> Any:
        if _ODD_NUMBER.fullmatch(node.value):
            return Unquoted(str(node.value), "read by each program in its own way")
        real = super().construct_yaml_float(node)
        return str(node.value) if math.isinf(real) and "inf" not in node.value.lower() else real

    def construct_yaml_str(self, node: Any) -> Any:
        written = super().construct_yaml_str(node)
        if node.style is None and _ODD_NUMBER.fullmatch(written):
            return Unquoted(written, "a number for Compose")
        if node.style is None and _DATE.fullmatch(written):
            return self.construct_date(node)
        if node.style is None and _FRACTION.fullmatch(written):
            return self.construct_yaml_float(node)
        is_number = node.style is None and _BIG_LETTER.fullmatch(written)
        return int(written.replace("_", ""), 0) if is_number else written

    def flatten_mapping(self, node: Any) -> Any:
        """Likewise, but what is merged hides no key that is there twice."""
        seen = set()
        keys = [] if node.merge else [key for key, _ in node.value if isinstance(key, ScalarNode)]
        for key in keys:
            if key.value in seen:
                raise DuplicateKeyError(
                    "while constructing a mapping",
                    node.start_mark,
                    f'found duplicate key "{key.value}"',
                    key.start_mark,
                )
            seen.add(key.value)
        if "<<" in seen and any(value.tag == "!reset" for _, value in node.value):
            said = "Compose keeps what is merged for a key under !reset; write out what stays"
            raise ConstructorError(None, None, said, node.start_mark)
        return super().flatten_mapping(node)

    def construct_text(self, node: Any) -> str:
        return str(node.value)

    def construct_merge(self, node: Any) -> Unquoted:
        return Unquoted(str(node.value), "the sign that merges mappings, and no value")

    def construct_unknown(self, node: Any) -> Any:
        said = f"Compose does not know the tag {node.tag}; take it out, or quote the value"
        raise ConstructorError(None, None, said, node.start_mark)

    def construct_date(self, node: Any) -> Unquoted:
        return Unquoted(str(node.value), "a date, which Compose writes out with its time")

    def construct_tagged(self, node: Any) -> Any:
        build: dict[type, Callable[[], Any]] = {
            MappingNode: lambda: self.construct_mapping(node, deep=True),
            SequenceNode: lambda: self.construct_sequence(node, deep=True),
            ScalarNode: lambda: self.construct_scalar(node),
        }
        return Tagged(reset=str(node.tag) == "!reset", value=build[type(node)]())


Constructor.add_constructor("tag:yaml.org,2002:int", Constructor.construct_yaml_int)
Constructor.add_constructor("tag:yaml.org,2002:float", Constructor.construct_yaml_float)
Constructor.add_constructor("tag:yaml.org,2002:str", Constructor.construct_yaml_str)
Constructor.add_constructor("tag:yaml.org,2002:timestamp", Constructor.construct_date)
Constructor.add_constructor("tag:yaml.org,2002:value", Constructor.construct_text)
Constructor.add_constructor("tag:yaml.org,2002:merge", Constructor.construct_merge)
Constructor.add_constructor(None, Constructor.construct_unknown)
Constructor.add_constructor("!reset", Constructor.construct_tagged)
Constructor.add_constructor("!override", Constructor.construct_tagged)
