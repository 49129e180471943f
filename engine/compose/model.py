"""Documents to one merged model, every short form written out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from attrs import field, frozen, mutable

from engine.compose import files, schema
from engine.compose.extends import Home, Services, extend
from engine.compose.merge import Listed, MergeError, merge, without, without_empty
from engine.compose.node import KeyPath, Node, Sources, compose_error
from engine.compose.normalize import normalize
from engine.compose.variables import interpolate

__all__ = ["Model", "merged"]

_SECTION_DEPTH = 2


@frozen
class Model:
    """The merged model.

    Attributes:
        root: its node.
        missing: the variables that were not set and had no default, by the service that uses them;
            under the empty name those used elsewhere.
        unexpected: the keys that real Compose has printed, and that are not known to us in this form.
    """

    root: Node
    missing: Mapping[str, tuple[str, ...]]
    unexpected: tuple[KeyPath, ...] = ()


def merged(
    documents: Sequence[files.Document], directory: Path, environment: Mapping[str, str]
) -> Model:
    """Interpolate, check, extend and merge documents in their order.

    Raises:
        ComposeError: one of them is not a compose file, or extends what is not there.
    """
    return _Merging(environment).merged(documents, directory)


@mutable
class _Merging:
    environment: Mapping[str, str]
    missing: dict[str, list[str]] = field(factory=lambda: defaultdict(list))
    unexpected: list[KeyPath] = field(factory=list)

    def merged(self, documents: Sequence[files.Document], directory: Path) -> Model:
        model: dict[str, Any] = {}
        written: list[tuple[str, Any]] = []
        for document in documents:
            data = self.long(document, model)
            data["services"] = extend(self.home(document, directory, data["services"]))
            model = _laid_over(model, document, data)
            written.append((document.file, data))
        missing = {key: tuple(names) for key, names in self.missing.items()}
        root = Node(model, (), Sources(tuple(written)))
        return Model(root=root, missing=missing, unexpected=tuple(self.unexpected))

    def long(self, document: files.Document, below: dict[str, Any]) -> dict[str, Any]:
        """A document in its long form, checked; ``below`` is what earlier ones came to."""
        done = interpolate(document.data, document.file, self.environment.get)
        data = without_empty(done.data, below)
        if document.is_printed:
            self.unexpected += schema.unexpected(data)
        else:
            schema.check(data, document.file)
        for path, variable in done.missing:
            self.missing[_service_at(path)].append(variable)
        return normalize(data, document.file)

    def home(self, document: files.Document, directory: Path, services: Services) -> Home:
        return Home(
            file=document.file,
            directory=directory,
            services=services,
            load=self.services,
            replaced=document.replaced,
            user_home=self.environment.get("HOME"),
        )

    def services(self, path: Path, name: str) -> tuple[Services, tuple[KeyPath, ...]]:
        """The services of a file that others extend, and what its last document replaces."""
        model: dict[str, Any] = {}
        replaced: tuple[KeyPath, ...] = ()
        for document in files.read(path, name):
            replaced = document.replaced
            model = _laid_over(model, document, self.long(document, model))
        return model["services"], replaced


def _laid_over(
    model: dict[str, Any], document: files.Document, data: dict[str, Any]
) -> dict[str, Any]:
    """The model with the long form of a document laid over it."""
    services = {name: _at_the_end(service) for name, service in data["services"].items()}
    try:
        merged: dict[str, Any] = merge(
            without(model, document.replaced), data | {"services": services}
        )
    except MergeError as error:
        raise compose_error(document.file, error.path, str(error)) from error
    return merged


def _at_the_end(service: dict[str, Any]) -> dict[str, Any]:
    """A service at the end of its document, where Compose makes mappings of these lists."""
    lists = (key for key in ("depends_on", "networks") if isinstance(service.get(key), Listed))
    return service | {key: dict(service[key]) for key in lists}


def _service_at(path: KeyPath) -> str:
    return str(path[1]) if path[0] == "services" and len(path) >= _SECTION_DEPTH else ""
