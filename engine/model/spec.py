"""The services of a compose file, once it has been read: plain, typed, frozen values.

These are the words that the compose reader and the runtimes share. Durations are in seconds, sizes in
bytes, and every default of Compose that matters here has been applied.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from attrs import field, frozen

__all__ = [
    "UNSET",
    "BuildSpec",
    "ComposeProgram",
    "Condition",
    "Dependency",
    "DeviceMapping",
    "GpuRequest",
    "HealthCheck",
    "InjectedFile",
    "Mount",
    "MountKind",
    "NetworkAttachment",
    "NetworkSpec",
    "PortSpec",
    "Project",
    "Refusal",
    "ServiceSpec",
    "Ulimit",
    "VolumeSpec",
    "unset",
]

UNSET = "the variable "
"""How a warning about a variable that is not set begins; see :func:`unset`."""


def unset(variable: str) -> str:
    """The warning about a variable that a file uses, that is not set and that has no default."""
    return f"{UNSET}{variable} is not set; it is taken as empty"


@frozen
class Refusal:
    """A key that cannot be honoured. It stops only what needs the service that it is about.

    Attributes:
        file: where it was written, as the user named the file.
        key: its path, such as ``services.vllm.secrets``.
        reason: why not, and what to do instead.
    """

    file: str
    key: str
    reason: str


class Condition(enum.Enum):
    """The condition that a dependency must meet before its dependant is started."""

    STARTED = "service_started"
    HEALTHY = "service_healthy"
    COMPLETED = "service_completed_successfully"


@frozen
class Dependency:
    """An entry of ``depends_on``.

    Attributes:
        required: whether the dependant cannot do without it.
        restart: whether the dependant restarts with it; only passed on, in a label.
    """

    condition: Condition = Condition.STARTED
    required: bool = True
    restart: bool = False


@frozen
class BuildSpec:
    """How to build the image of a service.

    Attributes:
        context: an absolute folder.
        dockerfile: relative to the context, or absolute.
        extra_hosts: each ``host=address``.
    """

    context: Path
    dockerfile: str = "Dockerfile"
    target: str | None = None
    args: Mapping[str, str] = field(factory=dict, repr=False)
    labels: Mapping[str, str] = field(factory=dict)
    network: str | None = None
    shm_size_bytes: int | None = None
    extra_hosts: tuple[str, ...] = ()
    cache_from: tuple[str, ...] = ()
    no_cache: bool = False
    pull: bool = False


class MountKind(enum.Enum):
    """The kinds of mount that Compose files use here."""

    BIND = "bind"
    VOLUME = "volume"
    TMPFS = "tmpfs"


@frozen
class Mount:
    """A mount, from the short or the long form.

    Attributes:
        source: an absolute host path (bind), the key of a volume of the project (volume; None for an
            anonymous one), or None (tmpfs).
        create_host_path: whether a missing bind source is made; so it is unless the file says no.
        tmpfs_options: of the short form under ``tmpfs``, as written (``size=64m,mode=1777``); None for
            the long form.
    """

    kind: MountKind
    target: str
    source: str | None = None
    read_only: bool = False
    create_host_path: bool = False
    propagation: str | None = None
    selinux: str | None = None
    no_copy: bool = False
    tmpfs_size_bytes: int | None = None
    tmpfs_mode: int | None = None
    tmpfs_options: str | None = None


@frozen
class InjectedFile:
    """A file that is written into a container before it starts: a secret, or a config.

    Attributes:
        target: its absolute path in the container.
        content: what stands in it; not shown, since it may be secret.
        secret: whether it is a secret, and no config.
    """

    MODE: ClassVar[int] = 0o444

    target: str
    content: str = field(repr=False)
    mode: int = MODE
    uid: int = 0
    gid: int = 0
    secret: bool = False


@frozen
class DeviceMapping:
    """An entry of ``devices``."""

    host: str
    container: str
    permissions: str = "rwm"


@frozen
class GpuRequest:
    """A device reservation, or an entry of ``gpus``.

    Attributes:
        count: how many; -1 for all; None when ``device_ids`` are given.
    """

    capabilities: tuple[str, ...] = ("gpu",)
    driver: str = ""
    count: int | None = None
    device_ids: tuple[str, ...] = ()
    options: Mapping[str, str] = field(factory=dict)


@frozen
class HealthCheck:
    """A health check; ``test`` is in the engine's form (``["CMD", ...]``, ``["CMD-SHELL", line]``).

    Attributes:
        test: None keeps the image's own; ``("NONE",)`` disables it.
    """

    test: tuple[str, ...] | None = None
    interval_s: float | None = None
    timeout_s: float | None = None
    start_period_s: float | None = None
    start_interval_s: float | None = None
    retries: int | None = None


@frozen
class Ulimit:
    """A resource limit of the container's processes."""

    name: str
    soft: int
    hard: int


@frozen
class PortSpec:
    """A published port; ranges of targets have been spread out.

    Attributes:
        published: the host's port, a range of which the engine picks one (``7000-7005``), or empty for
            any that is free.
    """

    target: int
    published: str = ""
    protocol: str = "tcp"
    host_ip: str = ""


@frozen
class NetworkAttachment:
    """A network that a service joins, by its key in the project."""

    network: str
    aliases: tuple[str, ...] = ()
    ipv4_address: str | None = None
    ipv6_address: str | None = None
    link_local_ips: tuple[str, ...] = ()
    mac_address: str | None = None
    driver_opts: Mapping[str, str] = field(factory=dict)
    priority: int = 0
    gw_priority: int = 0


@frozen
class NetworkSpec:
    """A network of the project.

    Attributes:
        key: its name in the file.
        name: its name on the engine.
        external: it must exist already and is never removed.
    """

    key: str
    name: str
    external: bool = False
    driver: str | None = None
    driver_opts: Mapping[str, str] = field(factory=dict)
    internal: bool = False
    attachable: bool = False
    enable_ipv4: bool | None = None
    enable_ipv6: bool | None = None
    labels: Mapping[str, str] = field(factory=dict)
    ipam: Mapping[str, Any] = field(factory=dict)


@frozen
class VolumeSpec:
    """A named volume of the project; never removed by us."""

    key: str
    name: str
    external: bool = False
    driver: str | None = None
    driver_opts: Mapping[str, str] = field(factory=dict)
    labels: Mapping[str, str] = field(factory=dict)


@frozen
class ServiceSpec:
    """One service.

    Attributes:
        image: the image's name, as written; None when only ``build`` is given (the image is then
            named ``<project>-<service>``).
        command: the argument vector; None for the image's own, ``()`` to clear it.
        entrypoint: likewise.
        environment: interpolated and resolved: ``env_file`` first, then ``environment``; a bare
            pass-through variable that the caller's environment lacks is left out.
        environment_unset: the bare variables that were left out; the image's own are taken away, as
            Compose does.
        restart: what the file says under ``restart`` or ``deploy.restart_policy``; overridden by us.
        pull_policy: always, never, missing or build.
        is_switched_off: whether the file asks for no container of it (``replicas: 0``, ``scale: 0``).
        stop_grace_period_s: how long a graceful stop may take.
        network_mode: host, none, bridge, ``service:NAME``, ``container:NAME``; None when ``networks``
            are used.
        init: whether an init process reaps zombies; on unless the file says otherwise.
        depends_on: as written, and what ``links``, ``volumes_from`` and ``service:NAME`` imply.
        warnings: what was read and has no effect, one sentence each, for the user.
        refusals: what cannot be honoured.
    """

    name: str
    image: str | None = None
    build: BuildSpec | None = None
    pull_policy: str = "missing"
    is_switched_off: bool = False
    platform: str | None = None
    command: tuple[str, ...] | None = None
    entrypoint: tuple[str, ...] | None = None
    environment: Mapping[str, str] = field(factory=dict, repr=False)
    environment_unset: tuple[str, ...] = ()
    working_dir: str | None = None
    user: str | None = None
    group_add: tuple[str, ...] = ()
    hostname: str | None = None
    domainname: str | None = None
    container_name: str | None = None
    labels: Mapping[str, str] = field(factory=dict)
    annotations: Mapping[str, str] = field(factory=dict)
    mounts: tuple[Mount, ...] = ()
    files: tuple[InjectedFile, ...] = ()
    volumes_from: tuple[str, ...] = ()
    devices: tuple[DeviceMapping, ...] = ()
    device_cgroup_rules: tuple[str, ...] = ()
    gpus: tuple[GpuRequest, ...] = ()
    runtime: str | None = None
    memory_bytes: int | None = None
    memory_reservation_bytes: int | None = None
    memory_swap_bytes: int | None = None
    memory_swappiness: int | None = None
    nano_cpus: int | None = None
    cpu_period: int | None = None
    cpu_quota: int | None = None
    cpu_shares: int | None = None
    cpuset: str | None = None
    pids_limit: int | None = None
    oom_score_adj: int | None = None
    oom_kill_disable: bool | None = None
    shm_size_bytes: int | None = None
    ipc: str | None = None
    pid: str | None = None
    uts: str | None = None
    userns_mode: str | None = None
    cgroup: str | None = None
    cgroup_parent: str | None = None
    ulimits: tuple[Ulimit, ...] = ()
    sysctls: Mapping[str, str] = field(factory=dict)
    healthcheck: HealthCheck | None = None
    network_mode: str | None = None
    mac_address: str | None = None
    networks: tuple[NetworkAttachment, ...] = ()
    ports: tuple[PortSpec, ...] = ()
    expose: tuple[str, ...] = ()
    links: tuple[str, ...] = ()
    dns: tuple[str, ...] = ()
    dns_search: tuple[str, ...] = ()
    dns_opt: tuple[str, ...] = ()
    extra_hosts: tuple[str, ...] = ()
    cap_add: tuple[str, ...] = ()
    cap_drop: tuple[str, ...] = ()
    security_opt: tuple[str, ...] = ()
    storage_opt: Mapping[str, str] = field(factory=dict)
    privileged: bool = False
    read_only: bool = False
    stdin_open: bool = False
    tty: bool = False
    init: bool = True
    stop_signal: str | None = None
    stop_grace_period_s: float = 10.0
    logging_driver: str | None = None
    logging_options: Mapping[str, str] = field(factory=dict)
    restart: str | None = None
    profiles: tuple[str, ...] = ()
    depends_on: Mapping[str, Dependency] = field(factory=dict)
    warnings: tuple[str, ...] = ()
    refusals: tuple[Refusal, ...] = ()


@frozen
class ComposeProgram:
    """Real Compose on this machine.

    Attributes:
        path: of its program.
        version: such as ``5.6.1``.
    """

    path: Path
    version: str


@frozen
class Project:
    """A compose project: its services, and the networks and volumes they use.

    Attributes:
        name: the project's name, as Compose derives it.
        directory: the absolute folder that relative paths start from.
        files: the compose files, absolute, in order.
        networks: those that services may join, by key; the default one is among them.
        environment_file: the ``.env`` that was read, where there was one.
        variables: what the files could be filled in with: those of ``.env``, and the environment; and
            the proxies that containers are given.
        profiles: the active ones, from the caller and ``COMPOSE_PROFILES``.
        warnings: what the user should know about the files, one sentence each.
        refusals: what cannot be honoured in the files as a whole.
        read_by: what read the files, for people: our own reader (``dockwarden``), or real Compose.
        compose: the program of real Compose that read the files; None where our own reader did.
    """

    name: str
    directory: Path
    files: tuple[Path, ...]
    services: Mapping[str, ServiceSpec]
    networks: Mapping[str, NetworkSpec] = field(factory=dict)
    volumes: Mapping[str, VolumeSpec] = field(factory=dict)
    environment_file: Path | None = None
    variables: Mapping[str, str] = field(factory=dict, repr=False)
    profiles: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    read_by: str = "dockwarden"
    compose: ComposeProgram | None = None
