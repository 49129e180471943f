"""The ``HostConfig`` of a container: mounts, devices, limits, namespaces, privileges."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Final

from engine.model.spec import (
    DeviceMapping,
    GpuRequest,
    Mount,
    MountKind,
    PortSpec,
    Project,
    ServiceSpec,
)
from engine.runtimes.docker.containers.body import Body, present
from engine.runtimes.docker.containers.naming import container_of, links, network_name

__all__ = ["host_config"]

_SYSTEM_PATHS: Final = "systempaths=unconfined"
_CDI_NAME: Final = re.compile(r"[A-Za-z][\w.-]*/[A-Za-z][\w-]*=[\w.:-]+")  # nvidia.com/gpu=0


def host_config(project: Project, service: ServiceSpec, extra_mounts: Sequence[Mount]) -> Body:
    """Make the host's part of a container's body: what it gives, and what it restricts."""
    security = [option for option in service.security_opt if option != _SYSTEM_PATHS]
    unconfined = len(security) != len(service.security_opt)
    mounts = (*service.mounts, *extra_mounts)
    return present(
        {
            "Binds": [bind for mount in mounts if (bind := _bind(project, mount))],
            "Mounts": [_mount(project, mount) for mount in mounts if not _is_simple(mount)],
            "Tmpfs": {
                mount.target: mount.tmpfs_options
                for mount in service.mounts
                if mount.tmpfs_options is not None
            },
            "VolumesFrom": [_volumes_from(project, entry) for entry in service.volumes_from],
            "NetworkMode": _network_mode(project, service),
            "Links": links(project, service),
            "PortBindings": _port_bindings(service.ports),
            "RestartPolicy": {"Name": "no", "MaximumRetryCount": 0},
            "Init": service.init,
            "Privileged": service.privileged,
            "ReadonlyRootfs": service.read_only,
            "CapAdd": _capabilities(service.cap_add),
            "CapDrop": _capabilities(service.cap_drop),
            "SecurityOpt": security,
            "MaskedPaths": [] if unconfined else None,
            "ReadonlyPaths": [] if unconfined else None,
            "GroupAdd": list(service.group_add),
            "ExtraHosts": [host.replace("=", ":", 1) for host in service.extra_hosts],
            "Dns": list(service.dns),
            "DnsSearch": list(service.dns_search),
            "DnsOptions": list(service.dns_opt),
            "IpcMode": _namespace(project, service.ipc),
            "PidMode": _namespace(project, service.pid),
            "UTSMode": service.uts,
            "UsernsMode": service.userns_mode,
            "CgroupnsMode": service.cgroup,
            "ShmSize": service.shm_size_bytes,
            "Sysctls": dict(service.sysctls),
            "StorageOpt": dict(service.storage_opt),
            "Annotations": dict(service.annotations),
            "Runtime": service.runtime,
            "LogConfig": _logging(service),
            "OomScoreAdj": service.oom_score_adj,
            **_limits(service),
        }
    )


def _limits(service: ServiceSpec) -> Body:
    return {
        "CgroupParent": service.cgroup_parent,
        "CpuPeriod": service.cpu_period,
        "CpuQuota": service.cpu_quota,
        "CpuShares": service.cpu_shares,
        "CpusetCpus": service.cpuset,
        "NanoCpus": service.nano_cpus,
        "Memory": service.memory_bytes,
        "MemoryReservation": service.memory_reservation_bytes,
        "MemorySwap": service.memory_swap_bytes,
        "MemorySwappiness": service.memory_swappiness,
        "OomKillDisable": service.oom_kill_disable,
        "PidsLimit": service.pids_limit,
        "Ulimits": [
            {"Name": limit.name, "Soft": limit.soft, "Hard": limit.hard}
            for limit in service.ulimits
        ],
        "Devices": [
            {
                "PathOnHost": device.host,
                "PathInContainer": device.container,
                "CgroupPermissions": device.permissions,
            }
            for device in service.devices
            if not _is_cdi(device)
        ],
        "DeviceCgroupRules": list(service.device_cgroup_rules),
        "DeviceRequests": [
            *(_device_request(request) for request in service.gpus),
            *_cdi_request(service.devices),
        ],
    }


def _device_request(request: GpuRequest) -> Body:
    return {
        "Driver": request.driver,
        "Count": request.count or 0,
        "DeviceIDs": list(request.device_ids) or None,
        "Capabilities": [list(request.capabilities)],
        "Options": dict(request.options) or None,
    }


def _is_cdi(device: DeviceMapping) -> bool:
    """Whether it is no device but the name of one in the Container Device Interface."""
    return device.host == device.container and _CDI_NAME.fullmatch(device.host) is not None


def _cdi_request(devices: Sequence[DeviceMapping]) -> list[Body]:
    names = [device.host for device in devices if _is_cdi(device)]
    return [{"Driver": "cdi", "DeviceIDs": names}] if names else []


def _is_simple(mount: Mount) -> bool:
    """Whether a mount is asked for by a line of ``Binds`` or ``Tmpfs``; Compose decides like this.

    Only a line can relabel a source for SELinux, or make a missing one on an engine before 23; everything
    else that is more than source, target and read-only needs an entry of ``Mounts``.
    """
    simple: dict[MountKind, Callable[[], bool]] = {
        MountKind.BIND: lambda: (
            mount.selinux is not None
            or (mount.create_host_path and not mount.propagation and ":" not in str(mount.source))
        ),
        MountKind.VOLUME: lambda: mount.source is not None and not mount.no_copy,
        MountKind.TMPFS: lambda: mount.tmpfs_options is not None,
    }
    return simple[mount.kind]()


def _bind(project: Project, mount: Mount) -> str | None:
    if mount.kind is MountKind.TMPFS or not _is_simple(mount):
        return None
    options = ["ro" if mount.read_only else "rw", mount.selinux, mount.propagation]
    return f"{_source(project, mount)}:{mount.target}:{','.join(filter(None, options))}"


def _source(project: Project, mount: Mount) -> str:
    source = mount.source or ""
    return project.volumes[source].name if mount.kind is MountKind.VOLUME and source else source


def _mount(project: Project, mount: Mount) -> Body:
    options: dict[MountKind, Callable[[], Body]] = {
        MountKind.BIND: lambda: {
            "BindOptions": present(
                {
                    "Propagation": mount.propagation,
                    "CreateMountpoint": mount.create_host_path or None,
                }
            )
        },
        MountKind.VOLUME: lambda: {"VolumeOptions": present({"NoCopy": mount.no_copy or None})},
        MountKind.TMPFS: lambda: {
            "TmpfsOptions": present({"SizeBytes": mount.tmpfs_size_bytes, "Mode": mount.tmpfs_mode})
        },
    }
    return present(
        {
            "Type": mount.kind.value,
            "Source": _source(project, mount) or None,
            "Target": mount.target,
            "ReadOnly": mount.read_only,
            **options[mount.kind](),
        }
    )


def _volumes_from(project: Project, entry: str) -> str:
    """``service[:mode]`` or ``container:name[:mode]``, as the engine takes it: a container."""
    if entry.startswith("container:"):
        return entry.removeprefix("container:")
    service, colon, mode = entry.partition(":")
    return f"{container_of(project, service)}{colon}{mode}"


def _namespace(project: Project, mode: str | None) -> str | None:
    """A namespace to share; that of a service is that of its container."""
    kind, colon, name = (mode or "").partition(":")
    return f"container:{container_of(project, name)}" if kind == "service" and colon else mode


def _network_mode(project: Project, service: ServiceSpec) -> str | None:
    if service.network_mode is not None:
        return _namespace(project, service.network_mode)
    return network_name(project, service.networks[0]) if service.networks else None


def _port_bindings(ports: Sequence[PortSpec]) -> Body:
    bindings: dict[str, list[Body]] = {}
    for port in ports:
        binding = {"HostIp": port.host_ip, "HostPort": port.published}
        bindings.setdefault(f"{port.target}/{port.protocol}", []).append(binding)
    return bindings


def _capabilities(names: Sequence[str]) -> list[str]:
    """Capabilities under their full names, sorted, as Compose hands them over."""
    upper = (name.upper() for name in names)
    return sorted({n if n == "ALL" or n.startswith("CAP_") else f"CAP_{n}" for n in upper})


def _logging(service: ServiceSpec) -> Body | None:
    if service.logging_driver is None and not service.logging_options:
        return None
    return {"Type": service.logging_driver or "", "Config": dict(service.logging_options)}
