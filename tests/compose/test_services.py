"""The keys of a service, one by one, to a typed spec."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from engine.errors import ComposeError
from engine.model.spec import (
    BuildSpec,
    Condition,
    Dependency,
    DeviceMapping,
    GpuRequest,
    HealthCheck,
    Mount,
    MountKind,
    NetworkAttachment,
    PortSpec,
    ServiceSpec,
    Ulimit,
)

Service = Callable[..., ServiceSpec]
Refused = Callable[..., ComposeError]


@pytest.mark.parametrize(
    ("keys", "field", "expected"),
    [
        ("command: a 'b c'", "command", ("a", "b c")),
        ("command: []", "command", ()),
        ("command:", "command", None),
        ("entrypoint: ['']", "entrypoint", ("",)),
        ("working_dir: /w", "working_dir", "/w"),
        ("user: '1000'", "user", "1000"),
        ("hostname: h", "hostname", "h"),
        ("container_name: one", "container_name", "one"),
        ("platform: linux/amd64", "platform", "linux/amd64"),
        ("pull_policy: if_not_present", "pull_policy", "missing"),
        ("pull_policy: always", "pull_policy", "always"),
        ("ipc: host", "ipc", "host"),
        ("pid: host", "pid", "host"),
        ("network_mode: host", "network_mode", "host"),
        ("runtime: nvidia", "runtime", "nvidia"),
        ("shm_size: 2gb", "shm_size_bytes", 2 * 1024**3),
        ("mem_limit: 1g", "memory_bytes", 1024**3),
        ("deploy: {resources: {limits: {memory: 1g}}}", "memory_bytes", 1024**3),
        ("deploy: {resources: {reservations: {memory: 1g}}}", "memory_reservation_bytes", 1024**3),
        ("memswap_limit: -1", "memory_swap_bytes", -1),
        ("cpus: 1.5", "nano_cpus", 1_500_000_000),
        ("deploy: {resources: {limits: {cpus: '0.5', pids: 9}}}", "nano_cpus", 500_000_000),
        ("deploy: {resources: {limits: {pids: 9}}}", "pids_limit", 9),
        ("cpuset: 0-3", "cpuset", "0-3"),
        ("cap_add: [SYS_PTRACE]", "cap_add", ("SYS_PTRACE",)),
        ("cap_drop: [ALL]", "cap_drop", ("ALL",)),
        ("security_opt: ['seccomp:unconfined']", "security_opt", ("seccomp:unconfined",)),
        ("privileged: true", "privileged", True),
        ("read_only: 'true'", "read_only", True),
        ("tty: true", "tty", True),
        ("init: false", "init", False),
        ("hostname: h", "init", True),
        ("stop_signal: SIGINT", "stop_signal", "SIGINT"),
        ("stop_grace_period: 1m30s", "stop_grace_period_s", 90.0),
        ("hostname: h", "stop_grace_period_s", 10.0),
        ("labels: [a=b]", "labels", {"a": "b"}),
        ("annotations: {a: b}", "annotations", {"a": "b"}),
        ("sysctls: [net.x=1]", "sysctls", {"net.x": "1"}),
        ("extra_hosts: ['a:1.1.1.1']", "extra_hosts", ("a=1.1.1.1",)),
        ("group_add: [video, 44]", "group_add", ("video", "44")),
        ("dns: 1.1.1.1", "dns", ("1.1.1.1",)),
        ("expose: [80, '90-92', '53/udp']", "expose", ("80/tcp", "90-92/tcp", "53/udp")),
        ("profiles: [dev]", "profiles", ("dev",)),
        ("logging: {driver: journald}", "logging_driver", "journald"),
        ("ports: ['127.0.0.1:1:2']", "ports", (PortSpec(2, "1", "tcp", "127.0.0.1"),)),
        ("ports: [{target: 2, published: 1}]", "ports", (PortSpec(2, "1"),)),
        ("devices: [/dev/a]", "devices", (DeviceMapping("/dev/a", "/dev/a"),)),
        ("ulimits: {memlock: -1}", "ulimits", (Ulimit("memlock", -1, -1),)),
        ("ulimits: {nofile: {soft: 1, hard: '2'}}", "ulimits", (Ulimit("nofile", 1, 2),)),
        ("restart: always", "restart", "always"),
        ("deploy: {restart_policy: {condition: any}}", "restart", "any"),
        ("environment: [A=1, B=2]", "environment", {"A": "1", "B": "2"}),
        ("environment: {A: 1, B: true}", "environment", {"A": "1", "B": "true"}),
        ("gpus: all", "gpus", (GpuRequest(count=-1),)),
        ("gpus: [{device_ids: ['1']}]", "gpus", (GpuRequest(device_ids=("1",)),)),
        ("hostname: h", "networks", (NetworkAttachment("default"),)),
        ("network_mode: none", "networks", ()),
    ],
)
def test_a_key_becomes_a_field(service: Service, keys: str, field: str, expected: Any) -> None:
    assert getattr(service(keys), field) == expected


@pytest.mark.parametrize(
    ("reservation", "expected"),
    [
        ("{capabilities: [gpu]}", GpuRequest(count=-1)),
        ("{capabilities: [gpu, utility], count: all}", GpuRequest(("gpu", "utility"), count=-1)),
        ("{capabilities: [gpu], count: '2'}", GpuRequest(count=2)),
        (
            "{driver: nvidia, capabilities: [gpu], device_ids: ['0', GPU-x]}",
            GpuRequest(driver="nvidia", device_ids=("0", "GPU-x")),
        ),
        ("{capabilities: [gpu], options: {a: 1}}", GpuRequest(count=-1, options={"a": "1"})),
    ],
)
def test_gpu_reservations(service: Service, reservation: str, expected: GpuRequest) -> None:
    found = service(f"deploy: {{resources: {{reservations: {{devices: [{reservation}]}}}}}}")
    assert found.gpus == (expected,)


@pytest.mark.parametrize(
    ("check", "expected"),
    [
        ("{test: curl x}", HealthCheck(test=("CMD-SHELL", "curl x"))),
        ("{test: [CMD, a]}", HealthCheck(test=("CMD", "a"))),
        ("{test: [NONE]}", HealthCheck(test=("NONE",))),
        ("{disable: true}", HealthCheck(test=("NONE",))),
        ("{test: []}", None),
        (
            "{interval: 1m30s, timeout: 1s, start_period: 5s, start_interval: 500ms, retries: 3}",
            HealthCheck(None, 90.0, 1.0, 5.0, 0.5, 3),
        ),
    ],
)
def test_health_checks(service: Service, check: str, expected: HealthCheck | None) -> None:
    assert service(f"healthcheck: {check}").healthcheck == expected


def test_mounts_in_all_forms(service: Service, folder: Path) -> None:
    found = service(
        """
        volumes:
          - ./src:/src:ro
          - ~/cache:/cache
          - models:/models
          - /anonymous
          - {type: bind, source: /abs, target: /abs, bind: {create_host_path: false}}
          - {type: tmpfs, target: /fast, tmpfs: {size: 64m, mode: 01777}}
        tmpfs: ["/run:size=1m"]
        """,
        top="volumes: {models: }",
    )
    bind, volume, tmpfs = MountKind.BIND, MountKind.VOLUME, MountKind.TMPFS
    assert found.mounts == (
        Mount(bind, "/src", f"{folder}/src", read_only=True, create_host_path=True),
        Mount(bind, "/cache", "/home/someone/cache", create_host_path=True),
        Mount(volume, "/models", "models"),
        Mount(volume, "/anonymous"),
        Mount(bind, "/abs", "/abs"),
        Mount(tmpfs, "/fast", tmpfs_size_bytes=64 * 1024**2, tmpfs_mode=0o1777),
        Mount(tmpfs, "/run", tmpfs_options="size=1m"),
    )


def test_env_files_come_before_environment_and_bare_names_are_passed_through(
    service: Service,
) -> None:
    found = service(
        """
        env_file: [one.env, {path: two.env}, {path: absent.env, required: false}]
        environment: [A=environment, CALLER, NOWHERE]
        """,
        files={
            "one.env": "A=one\nB=one\nC=one\nFROM_FILE\nALSO_NOWHERE\n",
            "two.env": "B=two\nD=${C}!\n",
        },
        env={"CALLER": "caller", "FROM_FILE": "passed"},
    )

    assert found.environment == {
        "A": "environment",
        "B": "two",
        "C": "one",
        "D": "one!",
        "FROM_FILE": "passed",
        "CALLER": "caller",
    }
    assert found.environment_unset == ("NOWHERE",)


def test_labels_come_from_label_files_as_well(service: Service) -> None:
    found = service("label_file: l.env\nlabels: {b: own}", files={"l.env": "a=file\nb=file\n"})
    assert found.labels == {"a": "file", "b": "own"}


def test_a_seccomp_profile_is_taken_with_its_content(service: Service) -> None:
    found = service("security_opt: ['seccomp:./p.json']", files={"p.json": '{ "a": 1 }'})
    assert found.security_opt == ('seccomp={"a":1}',)


def test_builds(load: Callable[..., Any], folder: Path) -> None:
    project = load(
        """
        services:
          short: {build: ./d}
          long:
            build:
              context: .
              dockerfile: d/Dockerfile
              target: t
              args: [A=1, CALLER, NOWHERE]
              labels: {a: b}
              shm_size: 1g
              cache_from: [c]
        """,
        env={"CALLER": "x"},
    )

    assert project.services["short"].image is None
    assert project.services["short"].build == BuildSpec(context=folder / "d")
    assert project.services["long"].build == BuildSpec(
        context=folder,
        dockerfile="d/Dockerfile",
        target="t",
        args={"A": "1", "CALLER": "x"},
        labels={"a": "b"},
        shm_size_bytes=1024**3,
        cache_from=("c",),
    )


def test_dependencies_are_those_written_and_those_implied(load: Callable[..., Any]) -> None:
    project = load("""
        services:
          a:
            image: x
            depends_on:
              b: {condition: service_healthy, required: false}
            network_mode: service:c
            volumes_from: ["d:ro", "container:other"]
            ipc: shareable
          b: {image: x, depends_on: [d], links: ["c:alias"]}
          c: {image: x}
          d: {image: x}
    """)

    assert project.services["a"].depends_on == {
        "b": Dependency(Condition.HEALTHY, required=False),
        "c": Dependency(restart=True),
        "d": Dependency(),
    }
    assert project.services["b"].depends_on == {"d": Dependency(), "c": Dependency(restart=True)}


def test_the_main_network_has_the_highest_priority_then_the_first_name(service: Service) -> None:
    found = service(
        "networks: {b: {aliases: [x]}, a: , c: {priority: 5}}", top="networks: {a: , b: , c: }"
    )
    assert [joined.network for joined in found.networks] == ["c", "a", "b"]


def test_variables_become_numbers_and_booleans_where_they_are_wanted(service: Service) -> None:
    found = service(
        """
        tty: ${TTY:-true}
        cpus: ${CPUS}
        pids_limit: ${PIDS:-10}
        depends_on: {}
        ulimits: {nofile: "${FILES:-1024}"}
        """,
        env={"CPUS": "0.5"},
    )
    assert (found.tty, found.nano_cpus, found.pids_limit) == (True, 500_000_000, 10)
    assert found.ulimits == (Ulimit("nofile", 1024, 1024),)


@pytest.mark.parametrize(
    ("keys", "key", "said"),
    [
        (
            "volumes: ['model:/m']",
            "volumes[0]",
            "there is no volume 'model'; did you mean 'models'?",
        ),
        ("volumes: ['other:/m']", "volumes[0]", "write ./other for a folder"),
        ("volumes: [{type: bind, target: /x}]", "volumes[0]", "a bind mount needs a source"),
        ("volumes: [{type: volume}]", "volumes[0]", "the mount has no target"),
        ("volumes: [./a:/x]\ntmpfs: /x", "tmpfs[0]", "something else is mounted on /x already"),
        ("networks: [nn]", "networks.nn", "declare it under the top-level networks"),
        ("network_mode: host\nnetworks: [default]", "networks", "not both"),
        ("shm_size: huge", "shm_size", "is not a size such as 512m"),
        ("stop_grace_period: -1s", "stop_grace_period", "is negative"),
        ("healthcheck: {test: x, interval: '10'}", "healthcheck.interval", "it has no unit: 10s"),
        ("healthcheck: {test: [curl]}", "healthcheck.test", "begins with CMD, CMD-SHELL or NONE"),
        (
            "mem_limit: 1g\ndeploy: {resources: {limits: {memory: 2g}}}",
            "deploy.resources.limits.memory",
            "this differs from mem_limit",
        ),
        (
            "gpus: [{count: 1, device_ids: ['0']}]",
            "gpus[0]",
            "count and device_ids exclude each other",
        ),
        ("gpus: [{count: some}]", "gpus[0]", 'neither a whole number nor "all"'),
        ("ports: [{published: 80}]", "ports[0]", "the port has no target"),
        ("ports: [{target: 99999}]", "ports[0]", "is not a port"),
        ("command: a 'b", "command", "check the quotes"),
        (
            "hostname: ${H:?name a host}",
            "hostname",
            "the variable H is required and not set: name a host",
        ),
        ("hostname: ${H/x}", "hostname", "is not a form of interpolation"),
        ("tty: ${H:-maybe}", "tty", "'maybe' is not a boolean"),
        ("ulimits: {nofile: lots}", "ulimits.nofile", "'lots' is not a whole number"),
    ],
)
def test_what_makes_no_sense_is_named_with_its_key(
    service_refused: Refused, keys: str, key: str, said: str
) -> None:
    error = service_refused(keys, top="volumes: {models: }")

    assert (error.service, error.key) == ("a", f"services.a.{key}")
    assert said in str(error)


@pytest.mark.parametrize("keys", ["{}", "{command: a}"])
def test_a_service_needs_an_image_or_a_build(refused: Refused, keys: str) -> None:
    assert "neither an image nor a build" in str(refused(f"services: {{a: {keys}}}"))


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ("restart: always", "restart: always is overridden"),
        ("deploy: {restart_policy: {condition: on-failure}}", "restart: on-failure is overridden"),
        ("init: false", "init: false leaves zombie processes"),
        ("hostname: $NOWHERE", "the variable NOWHERE is not set; it is taken as empty"),
        ("command: a && b", "command: '&& b' is dropped, as Compose does"),
        ("deploy: {placement: {constraints: [x]}}", "ignored, for it has no effect"),
        ("develop: {watch: [{path: ., action: sync, target: /}]}", "ignored, for it has no effect"),
    ],
)
def test_what_has_no_effect_is_said_in_a_sentence(service: Service, keys: str, said: str) -> None:
    (warning,) = service(keys).warnings
    assert said in warning


@pytest.mark.parametrize(
    "keys",
    [
        "secrets: [s]\nconfigs: [{source: c, target: /run/secrets/s}]",
        "secrets: [s]\nvolumes: ['/a:/run/secrets/s']",
        "configs: [c]\ntmpfs: /c",
        "configs: [c, {source: d, target: /x/../c}]",
    ],
)
def test_two_files_at_one_place_are_refused(load: Callable[..., Any], keys: str) -> None:
    lines = keys.replace("\n", "\n    ")
    top = "secrets: {s: {file: ./s}}\nconfigs: {c: {content: a}, d: {file: ./d}}\n"
    project = load(f"{top}services:\n  a:\n    image: x\n    {lines}\n")
    (refusal,) = project.services["a"].refusals
    assert "something else goes to" in refusal.reason


def test_no_restart_is_nothing_to_speak_of(service: Service) -> None:
    assert service("restart: 'no'").warnings == ()
