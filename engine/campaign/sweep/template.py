"""Texts with ``{{ expressions }}``: Jinja2's expressions in its sandbox, without statements and calls.

A campaign file may come from a colleague or be generated, so that filling it in must end soon and reach
nothing but the parameters. An expression has no call and no loop; operators that make large results out of
small ones are bounded, and so are the filters; attributes are keys of mappings and nothing else.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from attrs import field, frozen
from jinja2 import StrictUndefined, TemplateError, Undefined, nodes
from jinja2.environment import TemplateExpression
from jinja2.meta import find_undeclared_variables
from jinja2.sandbox import ImmutableSandboxedEnvironment

from engine.campaign.model import ParamValue
from engine.campaign.sweep.values import Row, as_text, value_problem
from engine.util.nearest import nearest

__all__ = ["BadTemplate", "Template", "is_template", "template"]

_LONGEST_TEXT: Final = 131_072
"""As long as one argument of a command may be on Linux, in characters."""

_LONGEST_EXPRESSION: Final = 1_000
_NO_SUCH: Final = re.compile(r"No (filter|test) named '(.*)'\.")
_MOST_BITS: Final = 256
_FILTERS: Final = (
    *(
        "abs",
        "capitalize",
        "d",
        "default",
        "first",
        "last",
        "length",
        "lower",
        "max",
        "min",
        "round",
    ),
    *("sort", "string", "sum", "title", "trim", "unique", "upper"),
)
_TESTS: Final = (
    *(
        "boolean",
        "defined",
        "divisibleby",
        "eq",
        "even",
        "false",
        "float",
        "ge",
        "gt",
        "in",
        "integer",
    ),
    *(
        "le",
        "lt",
        "mapping",
        "ne",
        "none",
        "number",
        "odd",
        "sequence",
        "string",
        "true",
        "undefined",
    ),
)
_NODES: Final = (
    *(nodes.Literal, nodes.Name, nodes.Getattr, nodes.Getitem, nodes.Slice, nodes.CondExpr),
    *(nodes.BinExpr, nodes.UnaryExpr, nodes.Compare, nodes.Operand, nodes.Concat, nodes.Filter),
    *(nodes.Test, nodes.Keyword, nodes.Pair),
)


class BadTemplate(ValueError):
    """A text cannot be filled in."""


def is_template(text: str) -> bool:
    """Whether a text has expressions."""
    return "{{" in text


@frozen
class Template:
    """A text with expressions.

    Attributes:
        names: the parameters that it uses.
        whole: whether it is one expression and nothing else, so that its value keeps its kind.
    """

    names: frozenset[str]
    _parts: tuple[str | TemplateExpression, ...] = field(repr=False)

    @property
    def whole(self) -> bool:
        """Whether it is one expression and nothing else."""
        return len(self._parts) == 1 and not isinstance(self._parts[0], str)

    def fill(self, row: Row) -> ParamValue:
        """Its value for a combination: text, unless it is :attr:`whole`.

        Raises:
            BadTemplate: it has none.
        """
        values = [part if isinstance(part, str) else _value(part, row) for part in self._parts]
        value = values[0] if self.whole else "".join(map(as_text, values))
        problem = value_problem(value) if self.whole else ""
        if problem:
            raise BadTemplate(f"its value {problem}")
        if isinstance(value, str) and len(value) > _LONGEST_TEXT:
            raise BadTemplate(f"becomes longer than {_LONGEST_TEXT} characters; put it into a file")
        return value


def template(text: str) -> Template:
    """Take a text apart.

    Raises:
        BadTemplate: an expression is not one, or does more than it may.
    """
    try:
        segments = list(_segments(text))
        names: set[str] = set()
        parts: list[str | TemplateExpression] = []
        for is_expression, segment in segments:
            if is_expression:
                names |= _checked(segment)
                parts.append(_ENVIRONMENT.compile_expression(segment, undefined_to_none=False))
            else:
                parts.append(segment)
    except TemplateError as error:
        raise BadTemplate(_syntax(str(error.message))) from error
    except RecursionError as error:
        raise BadTemplate("is nested too deeply; write it flat") from error
    except (
        ValueError,
        ArithmeticError,
        TypeError,
    ) as error:  # of constants, which are computed here
        raise BadTemplate(str(error)) from error
    return Template(frozenset(names), tuple(parts))


def _syntax(message: str) -> str:
    """Explain the fault of an expression, as Jinja does; suggest a similar filter or test."""
    unknown = _NO_SUCH.fullmatch(message)
    if unknown is None:
        return f"is no template: {message}; for plain braces write {{{{ '{{{{' }}}}"
    kind, name = unknown.groups()
    known = sorted(_ENVIRONMENT.filters if kind == "filter" else _ENVIRONMENT.tests)
    listed = f"; there are {', '.join(known)}"
    return f"has no {kind} {name!r}{nearest(name, known) or listed}"


def _segments(text: str) -> Iterator[tuple[bool, str]]:
    """The text in pieces, each with whether it is an expression."""
    expression: list[str] | None = None
    for _, kind, written in _ENVIRONMENT.lex(text):
        if kind == "variable_begin":
            expression = []
        elif kind == "variable_end":
            yield True, "".join(expression or [])
            expression = None
        elif expression is not None:
            expression.append(written)
        elif written:
            yield False, written
    if expression is not None:
        raise BadTemplate("has {{ without }}; close it, or write {{ '{{' }} for plain braces")


def _checked(expression: str) -> set[str]:
    """The names that an expression uses.

    Raises:
        BadTemplate: it does more than it may.
        TemplateError: it is no expression.
    """
    shown = f"{{{{ {expression.strip()} }}}}"
    if len(expression) > _LONGEST_EXPRESSION:
        raise BadTemplate(f"has an expression of more than {_LONGEST_EXPRESSION} characters")
    parsed = _ENVIRONMENT.parse("{{" + expression + "}}")
    (output,) = parsed.body
    assert isinstance(output, nodes.Output)
    for node in output.find_all(nodes.Expr):
        if isinstance(node, nodes.Call):
            raise BadTemplate(
                f"calls a function in {shown}; use filters such as {{{{ model | lower }}}}"
            )
        if not isinstance(node, _NODES):
            raise BadTemplate(f"cannot have this in an expression: {shown}")
    return find_undeclared_variables(parsed)


def _value(expression: TemplateExpression, row: Row) -> Any:
    try:
        value = expression(**row)
    except BadTemplate:
        raise
    except TemplateError as error:
        raise BadTemplate(str(error.message)) from error
    except (ValueError, ArithmeticError, TypeError, LookupError) as error:
        raise BadTemplate(f"cannot be computed: {error}") from error
    if isinstance(value, Undefined):
        raise BadTemplate(_missing(value))
    return list(value) if isinstance(value, tuple | Iterator) else value


def _missing(value: Undefined) -> str:
    return str(value._undefined_message)  # noqa: SLF001 - what StrictUndefined raises when it is used


def _times(left: Any, right: Any) -> Any:
    for one, other in ((left, right), (right, left)):
        if (
            isinstance(one, Sequence)
            and isinstance(other, int)
            and len(one) * other > _LONGEST_TEXT
        ):
            raise BadTemplate("repeats a text or a list too often")
    return _bounded(left * right)


def _power(left: Any, right: Any) -> Any:
    bits = left.bit_length() if isinstance(left, int) else 1
    if isinstance(right, int) and bits * abs(right) > _MOST_BITS:
        raise BadTemplate("makes too large a number")
    return _bounded(left**right)


def _modulo(left: Any, right: Any) -> Any:
    if isinstance(left, str):
        raise BadTemplate("formats a text with %; join texts by ~, and use round for numbers")
    return left % right


def _bounded(value: Any) -> Any:
    if isinstance(value, int) and value.bit_length() > _MOST_BITS:
        raise BadTemplate("makes too large a number")
    return value


def _replace(text: Any, old: Any, new: Any) -> str:
    """Put a text in place of another one, wherever that is."""
    written = as_text(text)
    if not isinstance(old, str) or not isinstance(new, str) or not old:
        raise BadTemplate("replace takes two texts, the first not empty")
    if written.count(old) * len(new) > _LONGEST_TEXT:
        raise BadTemplate("becomes too long by replace")
    return written.replace(old, new)


def _join(values: Any, between: Any = "") -> str:
    """A list as one text."""
    if not isinstance(values, list | tuple) or not isinstance(between, str):
        raise BadTemplate("join takes a list and a text")
    parts = [as_text(value) for value in values]
    if sum(map(len, parts)) + len(parts) * len(between) > _LONGEST_TEXT:
        raise BadTemplate("becomes too long by join")
    return between.join(parts)


def _basename(text: Any) -> str:
    """The last part of a path, or of a model's name."""
    return as_text(text).rstrip("/").rpartition("/")[2]


def _tojson(value: Any) -> str:
    """A value as JSON."""
    return json.dumps(value, ensure_ascii=False)


class _Lacking(StrictUndefined):
    """A parameter that a combination does not have."""

    __slots__ = ()

    @property
    def _undefined_message(self) -> str:
        name = self._undefined_name
        return self._undefined_hint or (
            f"uses {name!r}, which this combination lacks; give it there, or write"
            f" {{{{ {name} | default('other') }}}}"
        )


class _Environment(ImmutableSandboxedEnvironment):
    """Reaches parameters, and their keys and entries; no attribute of any object."""

    intercepted_binops = frozenset({"*", "**", "%"})
    _bounded: Final[Mapping[str, Callable[[Any, Any], Any]]] = {
        "*": _times,
        "**": _power,
        "%": _modulo,
    }

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        return self._bounded[operator](left, right)

    def getattr(self, obj: Any, attribute: str) -> Any:
        return self.getitem(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        if isinstance(obj, Undefined):
            return obj[argument]
        if isinstance(obj, Mapping) and isinstance(argument, str) and argument in obj:
            return obj[argument]
        if (
            isinstance(obj, list | tuple | str)
            and isinstance(argument, int)
            and abs(argument) < len(obj)
        ):
            return obj[argument]
        keys = [str(key) for key in obj] if isinstance(obj, Mapping) else []
        listed = f"; there are {', '.join(keys)}" if keys else ""
        return self.undefined(f"has no {argument!r} in it{nearest(str(argument), keys) or listed}")


def _environment() -> _Environment:
    """Only ``{{ }}`` means something; shell has ``{%`` and ``{#`` for itself."""
    made = _Environment(
        block_start_string="\0{%",
        block_end_string="%}\0",
        comment_start_string="\0{#",
        comment_end_string="#}\0",
        keep_trailing_newline=True,
        undefined=_Lacking,
    )
    made.globals.clear()
    own = {
        "basename": _basename,
        "float": float,
        "int": int,
        "join": _join,
        "replace": _replace,
        "tojson": _tojson,
    }
    made.filters = {**{name: made.filters[name] for name in _FILTERS}, **own}
    made.tests = {name: made.tests[name] for name in _TESTS}
    return made


_ENVIRONMENT: Final = _environment()
