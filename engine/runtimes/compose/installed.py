"""Use the installed Compose for the docker runtime: to hash services, and to build images."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import docker.errors
from attrs import frozen

from engine.compose.order import profiles_of
from engine.model.spec import ComposeProgram, Project
from engine.runtimes.compose.client import DETACHED
from engine.runtimes.compose.handles import lifeline, unlinked
from engine.runtimes.compose.program import builds_with_buildkit, project_words
from engine.runtimes.docker.containers.naming import NAMESPACES

__all__ = ["InstalledCompose"]

_TIMEOUT_S: Final = 60.0
_LAST_LINES: Final = 12


@frozen
class InstalledCompose:
    """See :class:`engine.runtimes.docker.containers.provisioner.ComposeTools`.

    Attributes:
        program: the program that read the files of the project.
        project: the project as it was read, before anything was added to it.
    """

    program: ComposeProgram
    project: Project

    def config_hashes(
        self, services: Sequence[str], containers: Mapping[str, str]
    ) -> dict[str, str]:
        """The digests that Compose labels the containers of services with.

        ``config --hash`` hashes what the files say. ``up`` compares the digest of a service after it has
        read its environment files (5.3 alone) and put the ids of containers in the place of services
        that it refers to. A further compose file does both here.

        Args:
            services: their names.
            containers: the ids of the containers that these services refer to, by service.

        Raises:
            docker.errors.DockerException: Compose gives no digest; with its words.
        """
        resolved = "\n".join(self._resolved(name, containers) for name in services)
        with unlinked(f"services:\n{resolved}\n", "compose.resolved.yml") as further:
            words = ["config", "--no-consistency", "--hash", ",".join(services)]
            named = [str(self.program.path), *project_words(self.project, further)]
            printed = self._output([*named, *words], timeout_s=_TIMEOUT_S)
        return dict(line.split() for line in printed.splitlines())

    @property
    def builds(self) -> bool:
        """Whether it builds images with BuildKit; else the SDK's builder does as well."""
        return builds_with_buildkit()

    def build(self, service: str, on_cut: Callable[[Callable[[], None]], None]) -> None:
        """Build the image of a service.

        Args:
            service: its name.
            on_cut: takes what ends the build before its time.

        Raises:
            docker.errors.DockerException: it cannot be built; with Compose's words.
        """
        with lifeline() as (line, cut):
            on_cut(cut)
            program = [sys.executable, "-IS", DETACHED, line, str(self.program.path)]
            named = project_words(self.project, profiles=profiles_of(self.project, [service]))
            words = [*named, "--progress", "plain", "build", service]
            self._output([*program, *words], timeout_s=None)

    def _resolved(self, name: str, containers: Mapping[str, str]) -> str:
        """A service of the further file, in one line of YAML; JSON has no ``!reset``."""
        spec = self.project.services[name]
        literal = {key: value.replace("$", "$$") for key, value in spec.environment.items()}
        environment = literal | dict.fromkeys(spec.environment_unset)
        keys = {"env_file": "!reset []", "environment": _yaml(environment)}
        for key in NAMESPACES:
            kind, _, other = (getattr(spec, key) or "").partition(":")
            if kind == "service":
                keys[key] = _yaml(f"container:{containers[other]}")
        if spec.volumes_from:
            ids = [_volumes_of(entry, containers) for entry in spec.volumes_from]
            keys["volumes_from"] = f"!override {_yaml(ids)}"
        inner = ", ".join(f"{key}: {value}" for key, value in keys.items())
        return f"  {_yaml(name)}: {{{inner}}}"

    def _output(self, command: Sequence[str], timeout_s: float | None) -> str:
        try:
            done = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                encoding="utf-8",
                errors="replace",
                timeout=timeout_s,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise docker.errors.DockerException(str(error)) from error
        if done.returncode != 0:
            last = done.stderr.strip().splitlines()[-_LAST_LINES:]
            raise docker.errors.DockerException(" ".join(" ".join(last).split()))
        return done.stdout


def _volumes_of(entry: str, containers: Mapping[str, str]) -> str:
    """The container that an entry of ``volumes_from`` names, as ``up`` hashes it: without its mode."""
    first, *rest = entry.split(":")
    return rest[0] if first == "container" else containers[first]


def _yaml(value: Any) -> str:
    """A value in YAML's flow style; Compose's YAML takes no surrogate escapes for what is beyond the BMP."""
    return json.dumps(value, ensure_ascii=False)
