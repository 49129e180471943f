"""Parameters put into a value of the campaign file: ``{{ name }}``, by Jinja in its sandbox."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from typing import Any, Final

import jinja2
import jinja2.meta
import jinja2.nodes
from attrs import frozen
from jinja2.sandbox import SandboxedEnvironment

from engine.campaign.sweep.combinations import Params

__all__ = ["Template", "TemplateError"]

_LONGEST: Final = 2**16
_TEXTS: Final = frozenset(
    {"name", "backend", "command", "config", "env", "working_dir", "user", "keys"}
)
"""The keys of an experiment whose values are text: there a number is written out."""


class TemplateError(ValueError):
    """A template cannot be read, or its value cannot be made."""


@frozen
class Template:
    """A value of the campaign file with everything in it that parameters go into.

    Attributes:
        used: the names that occur in its templates.
    """

    used: frozenset[str]
    _render: Callable[[Params], Any]

    @classmethod
    def of(cls, value: Any) -> Template:
        """Read a value: plain dicts, lists and scalars.

        Raises:
            TemplateError: a template in it cannot be read.
        """
        used: set[str] = set()
        render = _renderer(value, used, as_text=False)
        return cls(frozenset(used), render)

    def render(self, params: Params) -> Any:
        """The value with these parameters.

        A text that is a template and nothing else becomes the value itself, so that a number stays one;
        within a longer text, and in keys that take text, it is written out.

        Raises:
            TemplateError: an expression in it fails with these.
        """
        return self._render(params)


def _renderer(value: Any, used: set[str], *, as_text: bool) -> Callable[[Params], Any]:
    if isinstance(value, dict):
        inner = {
            key: _renderer(one, used, as_text=as_text or key in _TEXTS)
            for key, one in value.items()
        }
        return lambda params: {key: render(params) for key, render in inner.items()}
    if isinstance(value, list):
        items = [_renderer(one, used, as_text=as_text) for one in value]
        return lambda params: [render(params) for render in items]
    if isinstance(value, str) and "{{" in value:
        return _text(value, used, as_text=as_text)
    return lambda _: value


def _text(written: str, used: set[str], *, as_text: bool) -> Callable[[Params], Any]:
    environment = _environment()
    try:
        tree = environment.parse(written)
        expressions = _expressions(tree, written)
        used |= jinja2.meta.find_undeclared_variables(tree) - {*environment.globals}
        template = environment.from_string(written)
    except jinja2.TemplateSyntaxError as error:
        raise TemplateError(f"{written!r} is no template: {error.message}") from error
    whole = written.strip()
    if len(expressions) == 1 and whole.startswith("{{") and whole.endswith("}}"):
        only = environment.compile_expression(whole[2:-2], undefined_to_none=False)

        def native(params: Params) -> Any:
            found = _guarded(written, lambda: only(**params))
            if isinstance(found, jinja2.Undefined):
                raise TemplateError(f"{written!r} has no value here")
            return _written(found) if as_text else found

        return native
    return lambda params: _guarded(written, lambda: template.render(**params))


def _expressions(tree: jinja2.nodes.Template, written: str) -> list[jinja2.nodes.Expr]:
    """The expressions of a template, which may hold nothing else but text."""
    for node in tree.body:
        if not isinstance(node, jinja2.nodes.Output):
            raise TemplateError(
                f"{written!r}: only {{{{ expressions }}}} are known here, no statements"
            )
    return [
        one
        for output in tree.find_all(jinja2.nodes.Output)
        for one in output.nodes
        if not isinstance(one, jinja2.nodes.TemplateData)
    ]


def _guarded(written: str, render: Callable[[], Any]) -> Any:
    try:
        found = render()
    except jinja2.TemplateError as error:
        raise TemplateError(f"{written!r}: {error.message}") from error
    except Exception as error:  # an expression may do whatever Python's values let it do
        raise TemplateError(f"{written!r}: {error}") from error
    if isinstance(found, str) and len(found) > _LONGEST:
        raise TemplateError(f"{written!r} becomes longer than {_LONGEST} characters")
    return found


def _written(value: Any) -> str:
    """A value in a text: as YAML and JSON write it."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


class _Sandbox(SandboxedEnvironment):
    """Jinja's sandbox, with numbers and truth values written as YAML writes them."""

    intercepted_binops = frozenset({"*", "**"})

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        """Multiply numbers only: a text times a number could be as long as memory."""
        if not all(isinstance(one, int | float) for one in (left, right)):
            raise TemplateError(f"{operator} takes numbers")
        if operator == "**" and abs(right) > _LONGEST.bit_length():
            raise TemplateError("** takes small exponents")
        return super().call_binop(context, operator, left, right)


@cache
def _environment() -> SandboxedEnvironment:
    environment = _Sandbox(
        undefined=jinja2.StrictUndefined, finalize=_finalized, keep_trailing_newline=True
    )
    environment.globals.clear()
    return environment


def _finalized(value: Any) -> Any:
    return value if isinstance(value, str | jinja2.Undefined) else _written(value)
