"""The digest of a service's configuration."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.compose import config_digest
from engine.model.spec import NetworkAttachment, NetworkSpec, Project, ServiceSpec

Load = Callable[..., Project]

BASE = (
    "services: {a: {image: x, environment: {A: 1, B: 2}, volumes: ['vol:/v']}}\nvolumes: {vol: }\n"
)


def digest(project: Project) -> str:
    return config_digest(project.services["a"], project)


def test_it_is_64_hexadecimal_digits(load: Load) -> None:
    assert re.fullmatch(r"[0-9a-f]{64}", digest(load(BASE)))


def test_it_is_the_same_on_every_machine() -> None:
    service = ServiceSpec("a", image="x", networks=(NetworkAttachment("default"),))
    networks = {"default": NetworkSpec("default", "p_default")}
    one = Project("p", Path("/one"), (Path("/one/c.yml"),), {"a": service}, networks)
    two = Project("p", Path("/two"), (), {"a": service}, networks)

    assert config_digest(service, one) == config_digest(service, two)


@pytest.mark.parametrize(
    "same",
    [
        "services: {a: {volumes: ['vol:/v'], environment: [B=2, A=1], image: x}}\nvolumes: {vol: }\n",
        BASE.replace("image: x", "image: x, restart: always"),
        BASE.replace("image: x", "image: x, profiles: [dev], x-note: 1"),
        BASE.replace("image: x", "image: x, build: ."),
        BASE + "networks: {unused: }\n",
    ],
)
def test_what_does_not_shape_the_container_does_not_count(load: Load, same: str) -> None:
    assert digest(load(same)) == digest(load(BASE))


@pytest.mark.parametrize(
    "other",
    [
        BASE.replace("A: 1", "A: 2"),
        BASE.replace("image: x", "image: y"),
        BASE.replace("'vol:/v'", "'vol:/w'"),
        BASE.replace("{vol: }", "{vol: {name: other}}"),
        BASE + "networks: {default: {driver_opts: {mtu: 1}}}\n",
    ],
)
def test_what_shapes_the_container_counts(load: Load, other: str) -> None:
    assert digest(load(other)) != digest(load(BASE))
