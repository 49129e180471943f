"""Which services are kept up by dockwarden's command."""

from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from engine.model.main_command import Decision, MainCommand
from engine.model.spec import Dependency, Project, ServiceSpec
from engine.policy import BackendPolicy
from engine.policy.keep_alive import DEFAULT, ImageCommand, foreseen, keep_alives, undecided
from engine.runtimes.main_commands import MainCommands


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


def test_words_have_their_meaning_whatever_the_file_says() -> None:
    has = project(*(ServiceSpec(name, command=("serve",)) for name in "abc"))
    said = {"a": "always", "b": "never", "c": "auto"}
    policies = {name: BackendPolicy(keep_alive=word) for name, word in said.items()}
    assert keep_alives(has, policies) == {"a": DEFAULT}
    assert undecided(has, policies) == {"c"}


def test_a_list_is_a_command_even_of_one_of_the_words() -> None:
    policy = BackendPolicy(keep_alive=["always"])
    assert keep_alives(project(ServiceSpec("a")), {"a": policy}) == {"a": ("always",)}


def test_what_others_depend_on_runs_its_own_command() -> None:
    depends = project(ServiceSpec("a", depends_on={"b": Dependency()}), ServiceSpec("b"))
    assert undecided(depends, {}) == {"a"}


SERVE = ("serve", "--port", "80")


@pytest.mark.parametrize(
    ("image", "spec"),
    [
        (ImageCommand((), SERVE), {}),
        (ImageCommand(("/enter",), SERVE), {}),
        (ImageCommand(("/enter",), ("bash",)), {}),
        (ImageCommand(("tini", "--"), SERVE), {}),
        (ImageCommand((), ("/bin/sh", "-c", "exec serve")), {}),
        (ImageCommand((), ("python3", "-m", "http.server")), {}),
        (ImageCommand((), ("bash",)), {"command": SERVE}),
        (ImageCommand((), ("bash",)), {"entrypoint": SERVE}),
        (None, {"command": SERVE}),
    ],
)
def test_a_command_of_its_own_is_tried(image: ImageCommand | None, spec: dict[str, Any]) -> None:
    main = foreseen(ServiceSpec("a", **spec), image, None)
    assert (main.keep_alive, main.on_trial) == (None, True)


@pytest.mark.parametrize(
    ("image", "spec"),
    [
        (ImageCommand(), {}),
        (ImageCommand((), ("bash",)), {}),
        (ImageCommand((), ("/bin/bash", "-l")), {}),
        (ImageCommand((), ("python3.12",)), {}),
        (ImageCommand((), ("/bin/sh", "-c", "bash")), {}),
        (ImageCommand(("/usr/bin/tini", "-g", "--"), ("sh",)), {}),
        (ImageCommand((), SERVE), {"command": ("bash",)}),
        (ImageCommand((), SERVE), {"entrypoint": ("python3",)}),
        (None, {}),
    ],
)
def test_a_bare_shell_is_kept_up_at_once(image: ImageCommand | None, spec: dict[str, Any]) -> None:
    main = foreseen(ServiceSpec("a", **spec), image, None)
    assert (main.keep_alive, main.on_trial) == (DEFAULT, False)


def test_a_shell_on_a_terminal_stays_by_itself() -> None:
    main = foreseen(ServiceSpec("a", tty=True), ImageCommand((), ("bash",)), None)
    assert (main.keep_alive, main.on_trial) == (None, False)


def test_the_entrypoint_that_does_not_run_is_named() -> None:
    image = ImageCommand(("/enter",), ())
    commands = MainCommands({"a": ("tail", "-f", "/dev/null")})
    assert "its entrypoint /enter does not run" in str(commands.decide(ServiceSpec("a"), image))


@pytest.mark.parametrize("exit_code", [1, 137, 255])
def test_an_error_is_not_masked(exit_code: int) -> None:
    commands, spec = MainCommands({}, {"a"}), ServiceSpec("a")
    commands.decide(spec, ImageCommand((), SERVE))
    assert not commands.ended(spec, exit_code)
    assert commands.of("a").keep_alive is None


def test_the_first_end_decides_and_later_ones_change_nothing() -> None:
    commands, spec = MainCommands({}, {"a"}), ServiceSpec("a")
    image = ImageCommand(("/enter",), SERVE)
    commands.decide(spec, image)
    assert [one.keep_alive for one in commands.alternatives(spec)] == [None, DEFAULT]
    assert commands.ended(spec, 0)
    assert not commands.ended(spec, 0)
    assert commands.decide(spec, image).keep_alive == DEFAULT
    assert commands.of("a").dropped_entrypoint == ("/enter",)


def test_what_an_earlier_controller_decided_stands_while_the_image_is_the_same() -> None:
    ended = MainCommand(DEFAULT, "its own command ended at once with exit code 0")
    image = ImageCommand((), SERVE, "sha256:1")
    commands = MainCommands({}, {"a", "b"}, {one: Decision(ended, "sha256:1") for one in "abc"})
    assert commands.decide(ServiceSpec("a"), image) == ended
    assert commands.decide(ServiceSpec("b"), evolve(image, id="sha256:2")).keep_alive is None
    assert commands.decide(ServiceSpec("c"), image).keep_alive is None, "its file decides"


def test_a_decision_is_read_as_it_was_told_and_nothing_else_is() -> None:
    main = MainCommand(DEFAULT, "it ended", ("/enter", "-v"))
    assert MainCommand.from_dict(main.to_dict()) == main
    for wrong in ({"keep_alive": "sleep"}, {"keep_alive": [1]}, {"dropped_entrypoint": {"a": 1}}):
        assert MainCommand.from_dict(wrong) is None


def test_a_command_that_has_stayed_up_is_never_replaced() -> None:
    commands, spec = MainCommands({}, {"a"}), ServiceSpec("a")
    commands.settle("a", commands.decide(spec, ImageCommand((), SERVE)))
    assert not commands.ended(spec, 0)
