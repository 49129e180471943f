"""How a service's image is built."""

from __future__ import annotations

from pathlib import Path

from engine.compose import units
from engine.compose.context import Context
from engine.compose.networking import extra_hosts
from engine.compose.node import Node
from engine.model.spec import BuildSpec

__all__ = ["build_spec"]


def build_spec(node: Node, context: Context) -> BuildSpec | None:
    """The build of a service, if it has one."""
    if node.value is None:
        return None
    written = node.get("context").optional(units.text) or "."
    pairs = node.get("args").value or {}
    args = {key: context.lookup(key) if value is None else value for key, value in pairs.items()}
    return BuildSpec(
        context=Path(context.resolve(written)),
        dockerfile=node.get("dockerfile").optional(units.text) or "Dockerfile",
        target=node.get("target").optional(units.filled),
        args={key: value for key, value in args.items() if value is not None},
        labels=node.get("labels").value or {},
        network=node.get("network").optional(units.filled),
        shm_size_bytes=node.get("shm_size").optional(units.limit_bytes),
        extra_hosts=extra_hosts(node),
        cache_from=node.get("cache_from").optional(tuple) or (),
        no_cache=node.get("no_cache").optional(units.boolean) or False,
        pull=node.get("pull").optional(units.boolean) or False,
    )
