"""Separate the engine's attributes of its events from the container's labels in them.

The engine writes all labels of a container into the attributes of each event about it, over its own
attributes. So an image with the label ``exitCode`` would say how every command in its containers has ended.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, Final

from attrs import define, field

from engine.util.printable import printable

__all__ = ["EventLabels"]

_LOG: Final = logging.getLogger(__name__)

_OF_THE_ENGINE: Final = ("execID", "exitCode", "image", "name", "signal")


@define(eq=False)
class EventLabels:
    """Takes out of events what labels have written over."""

    _hidden: dict[str, frozenset[str]] = field(factory=dict, init=False)

    def note(self, container: Mapping[str, Any]) -> None:
        """Take note of a container's labels; call it before anything is expected of its events.

        Args:
            container: what inspection says of it.
        """
        labels: Mapping[str, str] = container["Config"]["Labels"] or {}
        hidden = frozenset(labels).intersection(_OF_THE_ENGINE)
        if hidden and container["Id"] not in self._hidden:
            self._hidden[container["Id"]] = hidden
            _LOG.warning(
                "container %s has the label %s, which hides what the engine's events say: it is inspected"
                " after each event instead; remove the label from its image or its service",
                *(printable(container["Name"].lstrip("/")), " and the label ".join(sorted(hidden))),
            )

    def believable(self, event: Mapping[str, Any]) -> Mapping[str, Any]:
        """An event without the attributes that are a label's."""
        actor = event["Actor"]
        hidden = self._hidden.get(actor["ID"])
        if hidden is None:
            return event
        told = {name: value for name, value in actor["Attributes"].items() if name not in hidden}
        return {**event, "Actor": {**actor, "Attributes": told}}
