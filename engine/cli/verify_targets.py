"""Find what to prove: lifecycles by name, and the rules beside a user's lifecycle."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any, Final

from engine.control.lifecycles import BUILT_IN, find_lifecycle
from engine.errors import InputError, LifecycleUnknown
from states import Lifecycle, LifecycleError
from states.verify import Invariant, invariant

__all__ = ["find_claims"]

_INVARIANTS: Final = "INVARIANTS"


def find_claims(name: str) -> tuple[Lifecycle, Sequence[Invariant], str]:
    """The lifecycle of a name, and the ``INVARIANTS`` of its module.

    Returns:
        the lifecycle, its invariants, and why the language refuses it; empty where it does not. Of a
        lifecycle that is refused nothing else of its module is to be had.

    Raises:
        LifecycleUnknown: there is none of that name, or its module cannot be imported.
        InputError: its invariants are none.
    """
    try:
        lifecycle = find_lifecycle(name)
    except LifecycleUnknown as unknown:
        refusal = unknown.__cause__
        if not isinstance(refusal, LifecycleError) or refusal.refused is None:
            raise
        return refusal.refused, (), str(refusal)
    if name in BUILT_IN:
        return lifecycle, (), ""
    module = name.partition(":")[0]
    found = getattr(import_module(module), _INVARIANTS, ())
    return lifecycle, _invariants(module, found), ""


def _invariants(module: str, found: Any) -> list[Invariant]:
    if not isinstance(found, Sequence) or isinstance(found, str):
        raise InputError(f"{module}:{_INVARIANTS} has to be a list of functions")
    return [_guarded(_invariant(module, one)) for one in found]


def _invariant(module: str, found: object) -> Invariant:
    if isinstance(found, Invariant):
        return found
    if callable(found):
        return invariant(found)
    raise InputError(f"{module}:{_INVARIANTS} holds {found!r}, which is no function")


def _guarded(own: Invariant) -> Invariant:
    """Wrap an invariant so that its own errors are reported as such."""
    holds: Callable[..., bool] = own.holds

    def checked(step: Any) -> bool:
        try:
            return bool(holds(step))
        except Exception as error:
            raise InputError(
                f"the invariant {own.name} failed on {step.before} -> {step.after}:"
                f" {type(error).__name__}: {error}"
            ) from error

    return Invariant(own.name, own.sentence, checked)
