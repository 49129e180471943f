"""What is no compose file, and how it is said: file, service, key, and what would be right."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from engine.errors import ComposeError

Refused = Callable[..., ComposeError]


@pytest.mark.parametrize(
    ("keys", "key", "said"),
    [
        ("imag: x", "imag", "did you mean 'image'?"),
        ("zzzzzz: x", "zzzzzz", "Compose knows no such key here; correct it, or take it out"),
        ("healthcheck: {intervall: 5s}", "healthcheck.intervall", "did you mean 'interval'?"),
        ("healthcheck: {zzzzz: 5s}", "healthcheck.zzzzz", "it knows disable, interval, retries"),
        ("ports: 80", "ports", "expected a list, not 80"),
        ("ports: [[80]]", "ports[0]", "expected a number or text or a mapping, not a list"),
        ("environment: 5", "environment", "expected a mapping or a list, not 5"),
        ("environment: [5]", "environment[0]", 'expected text, not 5; put it in quotes: "5"'),
        ("environment: {A: [1]}", "environment.A", "not a list"),
        ("environment:", "environment", "this is empty; give it a mapping or a list, or take"),
        ("user: 1000", "user", 'put it in quotes: "1000"'),
        ("gpus: 2", "gpus", "expected text or a list, not 2"),
        ("gpus: every", "gpus", "'every' is not known here; write all"),
        ("privileged: maybe", "privileged", "'maybe' is not a boolean; write true or false"),
        (
            "depends_on: {b: {condition: healthy}}",
            "depends_on.b.condition",
            "did you mean 'service_healthy'?",
        ),
        ("depends_on: {b: {}}", "depends_on.b", "'condition' is required here"),
        (
            "deploy: {resources: {reservations: {devices: [{driver: nvidia}]}}}",
            "deploy.resources.reservations.devices[0]",
            "'capabilities' is required here",
        ),
        (
            "deploy: {resources: {reservation: {}}}",
            "deploy.resources.reservation",
            "did you mean 'reservations'?",
        ),
        ("volumes: [{type: bindd, target: /x}]", "volumes[0].type", "did you mean 'bind'?"),
        ("pull_policy: sometimes", "pull_policy", "is not of the form"),
        ("oom_score_adj: 5000", "oom_score_adj", "5000 is more than 1000"),
    ],
)
def test_a_finding_in_a_service(service_refused: Refused, keys: str, key: str, said: str) -> None:
    error = service_refused(keys)

    assert error.file == "docker-compose.yml"
    assert error.service == "a"
    assert error.key == f"services.a.{key}"
    assert said in str(error)


@pytest.mark.parametrize(
    ("text", "key", "said"),
    [
        ("service: {}", "service", "did you mean 'services'?"),
        ("services: []", "services", "expected a mapping, not a list"),
        ("services:", "services", "this is empty; give it a mapping"),
        ("services: {a: }", "services.a", "this is empty; give it a mapping"),
        ('services: {"a b": {image: x}}', "services.a b", "is not a name that Compose takes"),
        ("version: 3.8\nservices: {}", "version", 'put it in quotes: "3.8"'),
        ("services: {}\nvolumes: {v: {driverr: x}}", "volumes.v.driverr", "did you mean 'driver'?"),
        (
            "services: {}\nnetworks: {n: {ipam: {config: [{subnett: x}]}}}",
            None,
            "did you mean 'subnet'?",
        ),
    ],
)
def test_a_finding_elsewhere(refused: Refused, text: str, key: str | None, said: str) -> None:
    error = refused(text)

    assert key is None or error.key == key
    assert said in str(error)


def test_repeated_entries_are_no_error(service: Callable[..., object]) -> None:
    service(
        "cap_add: [ALL, ALL]\nports: ['80:80', '80:80']\nsecurity_opt: [label=disable, label=disable]"
    )


def test_extensions_are_welcome_in_a_service(service: Callable[..., object]) -> None:
    service("x-note: anything\nhealthcheck: {test: 'true', x-note: 1}")


def test_an_old_version_is_read_over(load: Callable[..., object]) -> None:
    load('version: "3.8"\nservices: {a: {image: x}}')
