"""What the engine is asked for, key by key, as real Compose asks."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from engine.compose import config_digest, load_project
from engine.model.spec import Mount, MountKind, Project
from engine.runtimes.docker.containers.payload import (
    compose_labels,
    container_name,
    container_payload,
    further_networks,
    network_payload,
    volume_payload,
)
from tests.compose.cases import CASES

MEBIBYTE = 1024**2

Load = Callable[[str], Project]
Body = Callable[[str], dict[str, Any]]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    def load(text: str) -> Project:
        file = tmp_path / "docker-compose.yml"
        file.write_text(dedent(text))
        return load_project(file, environ={"HOME": "/home/user"}, project_name="p")

    return load


@pytest.fixture
def body(load: Load) -> Body:
    """The body for the one service ``a``, given its keys beside ``image``."""

    def body(keys: str) -> dict[str, Any]:
        lines = "\n".join(f"    {line}" for line in dedent(keys).strip().splitlines())
        tops = "volumes: {data: }\nnetworks: {one: , two: }\n"
        project = load(f"services:\n  b: {{image: y}}\n  a:\n    image: x\n{lines}\n{tops}")
        return container_payload(
            project, project.services["a"], image="x", keep_alive=None, labels={}
        )

    return body


@pytest.mark.parametrize(
    ("keys", "key", "expected"),
    [
        ("command: a b", "Cmd", ["a", "b"]),
        ("command: []", "Cmd", []),
        ("entrypoint: []", "Entrypoint", []),
        ("environment: [A=1, NOWHERE]", "Env", ["A=1", "NOWHERE"]),
        ("working_dir: /w", "WorkingDir", "/w"),
        ("user: '1'", "User", "1"),
        ("hostname: h", "Hostname", "h"),
        ("tty: true", "Tty", True),
        ("stdin_open: true", "OpenStdin", True),
        ("stop_signal: SIGINT", "StopSignal", "SIGINT"),
        ("stop_grace_period: 90s", "StopTimeout", 90),
        ("stop_grace_period: 1500ms", "StopTimeout", 2),
        ("expose: ['80-81', 53/udp]", "ExposedPorts", {"80/tcp": {}, "81/tcp": {}, "53/udp": {}}),
        ("ports: ['1:2/udp']", "ExposedPorts", {"2/udp": {}}),
        (
            "healthcheck: {test: x, interval: 1m30s, timeout: 500ms, retries: 2}",
            "Healthcheck",
            {
                "Test": ["CMD-SHELL", "x"],
                "Interval": 90_000_000_000,
                "Timeout": 500_000_000,
                "Retries": 2,
            },
        ),
        ("healthcheck: {disable: true}", "Healthcheck", {"Test": ["NONE"]}),
    ],
)
def test_a_key_of_the_container(body: Body, keys: str, key: str, expected: Any) -> None:
    assert body(keys)[key] == expected


@pytest.mark.parametrize(
    ("keys", "key", "expected"),
    [
        ("volumes: [/h:/c]", "Binds", ["/h:/c:rw"]),
        ("volumes: ['/h:/c:ro,z']", "Binds", ["/h:/c:ro,z"]),
        ("volumes: ['data:/c:ro']", "Binds", ["p_data:/c:ro"]),
        ("volumes: [/c]", "Mounts", [{"Type": "volume", "Target": "/c", "ReadOnly": False}]),
        (
            "volumes: ['data:/c:nocopy']",
            "Mounts",
            [
                {
                    "Type": "volume",
                    "Source": "p_data",
                    "Target": "/c",
                    "ReadOnly": False,
                    "VolumeOptions": {"NoCopy": True},
                }
            ],
        ),
        (
            "volumes: ['/h:/c:rslave']",
            "Mounts",
            [
                {
                    "Type": "bind",
                    "Source": "/h",
                    "Target": "/c",
                    "ReadOnly": False,
                    "BindOptions": {"Propagation": "rslave", "CreateMountpoint": True},
                }
            ],
        ),
        (
            "volumes: [{type: bind, source: /h, target: /c, bind: {create_host_path: false}}]",
            "Mounts",
            [{"Type": "bind", "Source": "/h", "Target": "/c", "ReadOnly": False}],
        ),
        (
            "volumes: [{type: tmpfs, target: /c, tmpfs: {size: 1m, mode: 01777}}]",
            "Mounts",
            [
                {
                    "Type": "tmpfs",
                    "Target": "/c",
                    "ReadOnly": False,
                    "TmpfsOptions": {"SizeBytes": MEBIBYTE, "Mode": 0o1777},
                }
            ],
        ),
        ("tmpfs: [/run, '/t:size=1m']", "Tmpfs", {"/run": "", "/t": "size=1m"}),
        (
            "gpus: all",
            "DeviceRequests",
            [
                {
                    "Driver": "",
                    "Count": -1,
                    "DeviceIDs": None,
                    "Capabilities": [["gpu"]],
                    "Options": None,
                }
            ],
        ),
        (
            """
            deploy:
              resources:
                reservations:
                  devices: [{driver: nvidia, device_ids: ["0"], capabilities: [gpu, utility]}]
            """,
            "DeviceRequests",
            [
                {
                    "Driver": "nvidia",
                    "Count": 0,
                    "DeviceIDs": ["0"],
                    "Capabilities": [["gpu", "utility"]],
                    "Options": None,
                }
            ],
        ),
        (
            "devices: [nvidia.com/gpu=all]",
            "DeviceRequests",
            [{"Driver": "cdi", "DeviceIDs": ["nvidia.com/gpu=all"]}],
        ),
        (
            "devices: ['/dev/a:/dev/b:r']",
            "Devices",
            [{"PathOnHost": "/dev/a", "PathInContainer": "/dev/b", "CgroupPermissions": "r"}],
        ),
        ("ulimits: {memlock: -1}", "Ulimits", [{"Name": "memlock", "Soft": -1, "Hard": -1}]),
        ("shm_size: 1m", "ShmSize", MEBIBYTE),
        ("mem_limit: 1m", "Memory", MEBIBYTE),
        ("memswap_limit: -1", "MemorySwap", -1),
        ("cpus: 1.5", "NanoCpus", 1_500_000_000),
        ("pids_limit: 5", "PidsLimit", 5),
        ("ipc: host", "IpcMode", "host"),
        ("ipc: service:b", "IpcMode", "container:p-b-1"),
        ("pid: service:b", "PidMode", "container:p-b-1"),
        ("network_mode: service:b", "NetworkMode", "container:p-b-1"),
        ("network_mode: none", "NetworkMode", "none"),
        ("hostname: h", "NetworkMode", "p_default"),
        ("volumes_from: ['b:ro', 'container:c']", "VolumesFrom", ["p-b-1:ro", "c"]),
        ("links: ['b:c']", "Links", ["p-b-1:c", "p-b-1:b-1", "p-b-1:p-b-1"]),
        ("privileged: true", "Privileged", True),
        ("read_only: true", "ReadonlyRootfs", True),
        ("cap_add: [sys_ptrace, CAP_NET_RAW]", "CapAdd", ["CAP_NET_RAW", "CAP_SYS_PTRACE"]),
        ("cap_drop: [ALL]", "CapDrop", ["ALL"]),
        ("security_opt: ['label:disable']", "SecurityOpt", ["label:disable"]),
        ("security_opt: ['systempaths=unconfined']", "MaskedPaths", []),
        ("extra_hosts: ['h=::1']", "ExtraHosts", ["h:::1"]),
        ("runtime: nvidia", "Runtime", "nvidia"),
        (
            "logging: {driver: journald, options: {tag: x}}",
            "LogConfig",
            {"Type": "journald", "Config": {"tag": "x"}},
        ),
        ("oom_score_adj: 5", "OomScoreAdj", 5),
        ("cgroup: host", "CgroupnsMode", "host"),
        (
            "ports: ['1:2', '127.0.0.1::2']",
            "PortBindings",
            {"2/tcp": [{"HostIp": "", "HostPort": "1"}, {"HostIp": "127.0.0.1", "HostPort": ""}]},
        ),
    ],
)
def test_a_key_of_the_host_config(body: Body, keys: str, key: str, expected: Any) -> None:
    assert body(keys)["HostConfig"][key] == expected


def test_a_container_is_never_restarted_by_the_engine(body: Body) -> None:
    policy = body("restart: always")["HostConfig"]["RestartPolicy"]
    assert policy == {"Name": "no", "MaximumRetryCount": 0}


@pytest.mark.parametrize(("keys", "init"), [("tty: false", True), ("init: false", False)])
def test_an_init_reaps_zombies_unless_the_file_says_otherwise(
    body: Body, keys: str, init: object
) -> None:
    assert body(keys)["HostConfig"]["Init"] is init


@pytest.mark.parametrize("key", ["Cmd", "Entrypoint", "StopTimeout", "Healthcheck", "User"])
def test_what_the_file_does_not_say_is_left_to_the_image(body: Body, key: str) -> None:
    assert key not in body("tty: false")


def test_a_keep_alive_replaces_the_command_and_clears_the_entrypoint(load: Load) -> None:
    project = load("services: {a: {image: x, command: serve, entrypoint: tool}}")

    found = container_payload(
        project,
        project.services["a"],
        image="x",
        keep_alive=("sleep", "infinity"),
        labels={},
    )

    assert (found["Cmd"], found["Entrypoint"]) == (["sleep", "infinity"], [])


def test_further_labels_win_and_further_binds_come_last(load: Load) -> None:
    project = load("services: {a: {image: x, labels: {mine: file, other: file}, volumes: [/h:/c]}}")

    found = container_payload(
        project,
        project.services["a"],
        image="x",
        keep_alive=None,
        labels={"mine": "ours"},
        extra_mounts=[Mount(MountKind.BIND, "/out", "/out", create_host_path=True)],
    )

    assert found["Labels"]["mine"] == "ours"
    assert found["Labels"]["other"] == "file"
    assert found["HostConfig"]["Binds"] == ["/h:/c:rw", "/out:/out:rw"]


def test_the_labels_are_those_that_compose_looks_for(load: Load, tmp_path: Path) -> None:
    project = load("""
        services:
          a: {image: x, depends_on: {b: {condition: service_healthy, restart: true}}}
          b: {image: y}
    """)
    service = project.services["a"]

    labels = compose_labels(project, service)

    assert {key.removeprefix("com.docker.compose."): value for key, value in labels.items()} == {
        "project": "p",
        "service": "a",
        "config-hash": config_digest(service, project),
        "container-number": "1",
        "oneoff": "False",
        "version": "2.24.0",
        "depends_on": "b:service_healthy:true",
        "project.config_files": f"{tmp_path}/docker-compose.yml",
        "project.working_dir": str(tmp_path),
    }


@pytest.mark.parametrize(("keys", "name"), [("tty: true", "p-a-1"), ("container_name: own", "own")])
def test_the_name_is_that_of_compose_or_of_the_file(load: Load, keys: str, name: str) -> None:
    project = load(f"services:\n  a:\n    image: x\n    {keys}\n")
    assert container_name(project, project.services["a"]) == name


NETWORKS = """
services:
  a:
    image: x
    networks:
      one: {aliases: [alias], ipv4_address: 10.9.0.5, priority: 1}
      two: {mac_address: "02:42:ac:11:00:02"}
      three:
networks:
  one: {ipam: {config: [{subnet: 10.9.0.0/24, gateway: 10.9.0.1, ip_range: 10.9.0.0/25}]}}
  two: {name: shared, internal: true, labels: {a: b}, driver_opts: {mtu: 1}}
  three: {external: true}
"""


def test_one_network_goes_with_the_creation(load: Load) -> None:
    project = load(NETWORKS)
    service = project.services["a"]

    found = container_payload(project, service, image="x", keep_alive=None, labels={})

    assert found["NetworkingConfig"]["EndpointsConfig"] == {
        "p_one": {
            "Aliases": ["p-a-1", "a", "alias"],
            "IPAMConfig": {"IPv4Address": "10.9.0.5"},
        }
    }


def test_the_other_networks_are_joined_afterwards(load: Load) -> None:
    project = load(NETWORKS)

    assert list(further_networks(project, project.services["a"])) == [
        ("three", {"aliases": ["p-a-1", "a"]}),
        ("shared", {"aliases": ["p-a-1", "a"], "mac_address": "02:42:ac:11:00:02"}),
    ]


def test_a_network_is_asked_for_with_its_labels(load: Load) -> None:
    project = load(NETWORKS)

    assert network_payload(project, project.networks["two"], {"ours": "1"}) == {
        "Name": "shared",
        "CheckDuplicate": True,
        "Driver": "bridge",
        "Options": {"mtu": "1"},
        "Internal": True,
        "Attachable": False,
        "Labels": {
            "a": "b",
            "com.docker.compose.project": "p",
            "com.docker.compose.network": "two",
            "com.docker.compose.version": "2.24.0",
            "ours": "1",
        },
    }
    assert network_payload(project, project.networks["one"], {})["IPAM"] == {
        "Driver": "default",
        "Config": [{"Subnet": "10.9.0.0/24", "Gateway": "10.9.0.1", "IPRange": "10.9.0.0/25"}],
    }


def test_a_volume_is_asked_for_with_its_labels(load: Load) -> None:
    project = load(
        "services: {}\nvolumes: {v: {driver: local, driver_opts: {o: bind}, labels: [a=b]}}"
    )

    assert volume_payload(project, project.volumes["v"]) == {
        "name": "p_v",
        "driver": "local",
        "driver_opts": {"o": "bind"},
        "labels": {
            "a": "b",
            "com.docker.compose.project": "p",
            "com.docker.compose.volume": "v",
            "com.docker.compose.version": "2.24.0",
        },
    }


@pytest.mark.parametrize("name", list(CASES))
def test_every_service_of_the_corpus_has_a_body_of_plain_json(name: str) -> None:
    project = CASES[name].project()
    for service in project.services.values():
        json.dumps(container_payload(project, service, image="x", keep_alive=None, labels={}))
        json.dumps(list(further_networks(project, service)))
