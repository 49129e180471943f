"""Which services are kept up by a command of ours."""

from pathlib import Path

from engine.model.spec import Dependency, Project, ServiceSpec
from engine.policy import BackendPolicy
from engine.policy.keep_alive import DEFAULT, keep_alives


def project(*services: ServiceSpec) -> Project:
    return Project("p", Path("/p"), (), {service.name: service for service in services})


def test_without_a_command_of_its_own() -> None:
    assert keep_alives(project(ServiceSpec("a")), {}) == {"a": DEFAULT}


def test_not_what_has_a_command_or_an_entrypoint() -> None:
    has = project(ServiceSpec("a", command=("serve",)), ServiceSpec("b", entrypoint=("serve",)))
    assert keep_alives(has, {}) == {}


def test_not_what_others_depend_on() -> None:
    depends = project(ServiceSpec("a", depends_on={"redis": Dependency()}), ServiceSpec("redis"))
    assert keep_alives(depends, {}) == {"a": DEFAULT}


def test_what_is_declared_goes_first() -> None:
    declared = {"a": BackendPolicy(keep_alive=("tail", "-f", "/dev/null"))}
    has = project(ServiceSpec("a", command=("serve",)))
    assert keep_alives(has, declared) == {"a": ("tail", "-f", "/dev/null")}
