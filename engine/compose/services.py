"""One service of the merged model to a :class:`engine.model.spec.ServiceSpec`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from operator import itemgetter
from typing import Any, TypeVar

from attrs import evolve

from engine.compose import file_inputs, units
from engine.compose.build import build_spec
from engine.compose.commands import dropped, words
from engine.compose.context import Context
from engine.compose.gpus import gpus
from engine.compose.health import health_check
from engine.compose.mounts import devices, mounts
from engine.compose.networking import attachments, expose, extra_hosts, ports
from engine.compose.node import Node, dotted, refusal
from engine.compose.secrets_configs import ignored_ownership, injected_files
from engine.compose.unsupported import refusals, unused
from engine.errors import ComposeError
from engine.model.spec import (
    Condition,
    Dependency,
    InjectedFile,
    Mount,
    NetworkSpec,
    Refusal,
    ServiceSpec,
    Ulimit,
    VolumeSpec,
    unset,
)
from engine.util.names import RULE, is_plain

__all__ = ["service_spec"]

T = TypeVar("T")


def _true(value: Any) -> bool | None:
    """Whether it is true; None where it is false, which Compose takes for a key that is not there."""
    return units.boolean(value) or None


# The keys that are one value: the field of the spec, and how the value is read.
_VALUES: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "cgroup": ("cgroup", units.filled),
    "cgroup_parent": ("cgroup_parent", units.filled),
    "container_name": ("container_name", units.engine_name),
    "cpu_period": ("cpu_period", units.nonzero),
    "cpu_quota": ("cpu_quota", units.nonzero),
    "cpu_shares": ("cpu_shares", units.nonzero),
    "cpuset": ("cpuset", units.filled),
    "domainname": ("domainname", units.filled),
    "hostname": ("hostname", units.filled),
    "image": ("image", units.filled),
    "init": ("init", units.boolean),
    "ipc": ("ipc", units.filled),
    "mac_address": ("mac_address", units.filled),
    "mem_swappiness": ("memory_swappiness", units.whole),
    "memswap_limit": ("memory_swap_bytes", units.limit_bytes),
    "network_mode": ("network_mode", units.filled),
    "oom_kill_disable": ("oom_kill_disable", _true),
    "oom_score_adj": ("oom_score_adj", units.nonzero),
    "pid": ("pid", units.filled),
    "platform": ("platform", units.filled),
    "privileged": ("privileged", units.boolean),
    "read_only": ("read_only", units.boolean),
    "runtime": ("runtime", units.filled),
    "shm_size": ("shm_size_bytes", units.limit_bytes),
    "stdin_open": ("stdin_open", units.boolean),
    "stop_grace_period": ("stop_grace_period_s", units.span_s),
    "stop_signal": ("stop_signal", units.filled),
    "tty": ("tty", units.boolean),
    "user": ("user", units.filled),
    "userns_mode": ("userns_mode", units.filled),
    "uts": ("uts", units.filled),
    "working_dir": ("working_dir", units.filled),
}

# The keys that are lists of text (normalized by now), and the field they fill.
_LISTS = (
    "cap_add",
    "cap_drop",
    "device_cgroup_rules",
    "dns",
    "dns_opt",
    "dns_search",
    "group_add",
    "links",
    "profiles",
    "volumes_from",
)

# The keys that are mappings of text.
_MAPPINGS = ("annotations", "storage_opt", "sysctls")

# A limit that has two names: its field, both keys, and how the value is read.
_TWICE_NAMED: dict[str, tuple[str, tuple[str, ...], Callable[[Any], Any]]] = {
    "memory_bytes": ("mem_limit", ("limits", "memory"), units.limit_bytes),
    "memory_reservation_bytes": ("mem_reservation", ("reservations", "memory"), units.limit_bytes),
    "nano_cpus": ("cpus", ("limits", "cpus"), units.nano_cpus),
    "pids_limit": ("pids_limit", ("limits", "pids"), units.nonzero),
}

_PULL_POLICIES = {"always": "always", "never": "never", "build": "build"}


def service_spec(
    node: Node,
    context: Context,
    networks: dict[str, NetworkSpec],
    volumes: dict[str, VolumeSpec],
) -> ServiceSpec:
    """The typed value of one service.

    Raises:
        ComposeError: a value makes no sense; says which key of which file.
    """
    name = str(node.path[-1])
    has_build = node.get("build").value is not None
    if not (node.get("image").value or has_build or node.get("provider").value):
        raise node.error("the service has neither an image nor a build; give it one")
    problems = [] if is_plain(name) else [_unfit_name(node)]
    environment: dict[str, str | None] = _or_refusal(
        file_inputs.environment, node, context, {}, problems
    )
    mounted = mounts(node, context, volumes)
    files: tuple[Mount | InjectedFile, ...] = _or_refusal(
        partial(injected_files, mounts=mounted), node, context, (), problems
    )
    values: dict[str, Any] = {
        **{key: node.get(key).optional(tuple) or () for key in _LISTS},
        **{key: _texts(node.get(key)) for key in _MAPPINGS},
        **{field: _either(node, *names) for field, names in _TWICE_NAMED.items()},
        **{
            field: node.get(key).read(parse)
            for key, (field, parse) in _VALUES.items()
            if node.get(key).value is not None
        },
    }
    return ServiceSpec(
        name=name,
        build=build_spec(node.get("build"), context),
        is_switched_off=_is_switched_off(node),
        pull_policy=_PULL_POLICIES.get(node.get("pull_policy").value, "missing"),
        command=node.get("command").optional(words),
        entrypoint=node.get("entrypoint").optional(words),
        environment={key: value for key, value in environment.items() if value is not None},
        environment_unset=tuple(sorted(key for key, value in environment.items() if value is None)),
        labels=_or_refusal(file_inputs.labels, node, context, {}, problems),
        mounts=(*mounted, *(file for file in files if isinstance(file, Mount))),
        files=tuple(file for file in files if isinstance(file, InjectedFile)),
        devices=devices(node),
        gpus=gpus(node),
        ulimits=tuple(
            _ulimit(key, limit)
            for key, limit in sorted(node.get("ulimits").items(), key=itemgetter(0))
        ),
        healthcheck=health_check(node.get("healthcheck")),
        networks=attachments(node, networks),
        ports=ports(node),
        expose=expose(node),
        extra_hosts=extra_hosts(node),
        security_opt=_or_refusal(file_inputs.security_options, node, context, (), problems),
        logging_driver=node.at("logging", "driver").optional(units.filled),
        logging_options=_texts(node.at("logging", "options")),
        restart=_restart(node),
        depends_on=_dependencies(node),
        warnings=tuple(_warnings(node, context)),
        refusals=(*refusals(node), *problems),
        **values,
    )


def _unfit_name(node: Node) -> Refusal:
    reason = f"no folder and no container can be named like this service; its name takes {RULE}"
    return Refusal(file=node.file, key=dotted(node.path), reason=reason)


def _or_refusal(
    read: Callable[[Node, Context], T],
    node: Node,
    context: Context,
    default: T,
    found: list[Refusal],
) -> T:
    """Return the result of ``read``; a missing file matters only if the service is needed."""
    try:
        return read(node, context)
    except ComposeError as error:
        found.append(refusal(error))
        return default


def _texts(node: Node) -> dict[str, str]:
    return {
        key: "" if inner.value is None else inner.read(units.text) for key, inner in node.items()
    }


def _either(node: Node, key: str, deploy_key: tuple[str, ...], parse: Callable[[Any], Any]) -> Any:
    """A limit from either of its names; both may be there if they agree."""
    plain = node.get(key).optional(parse)
    deployed_node = node.at("deploy", "resources", *deploy_key)
    deployed = deployed_node.optional(parse)
    if plain is not None and deployed is not None and plain != deployed:
        raise deployed_node.error(
            f"this differs from {key}, which sets the same limit; take one out"
        )
    return plain if plain is not None else deployed


def _ulimit(name: str, node: Node) -> Ulimit:
    if not isinstance(node.value, dict):
        single = node.read(units.whole)
        return Ulimit(name=name, soft=single, hard=single)
    return Ulimit(
        name=name,
        soft=node.get("soft").read(units.integer),
        hard=node.get("hard").read(units.integer),
    )


def _is_switched_off(node: Node) -> bool:
    """Whether a file asks for no container of a service, so that nothing waits for one either."""
    scale, replicas = (
        key.optional(units.integer) for key in (node.get("scale"), node.at("deploy", "replicas"))
    )
    if None not in (scale, replicas) and scale != replicas:
        raise node.get("scale").error("deploy.replicas says another number; take one of them out")
    return 0 in (scale, replicas)


def _restart(node: Node) -> str | None:
    plain = node.get("restart").optional(units.text)
    return plain or node.at("deploy", "restart_policy", "condition").optional(units.filled)


def _dependencies(node: Node) -> dict[str, Dependency]:
    found = {name: _dependency(inner) for name, inner in node.get("depends_on").items()}
    for name, restart in _implied(node):
        # Without that container this one cannot be made, even if the file says otherwise.
        found[name] = evolve(found.get(name, Dependency(restart=restart)), required=True)
    return found


def _dependency(node: Node) -> Dependency:
    return Dependency(
        condition=Condition(node.get("condition").value or Condition.STARTED.value),
        required=node.get("required").value is not False,
        restart=node.get("restart").optional(units.boolean) or False,
    )


def _implied(node: Node) -> Iterator[tuple[str, bool]]:
    """The services without whose container this one's cannot be made; whether it restarts with it."""
    for entry in node.get("links").value or ():
        yield entry.partition(":")[0], True
    for key in ("network_mode", "ipc", "pid"):
        kind, colon, name = str(node.get(key).value or "").partition(":")
        if kind == "service" and colon:
            yield name, True
    for entry in node.get("volumes_from").value or ():
        if not entry.startswith("container:"):
            yield entry.partition(":")[0], False


def _warnings(node: Node, context: Context) -> Iterator[str]:
    for variable in dict.fromkeys(context.missing.get(str(node.path[-1]), ())):
        yield unset(variable)
    for key in ("command", "entrypoint"):
        if rest := dropped(node.get(key).value):
            yield (
                f"{key}: {rest!r} is dropped, as Compose does, since no shell runs the line;"
                ' write ["sh", "-c", "..."] for one'
            )
    restart = _restart(node)
    if restart not in {None, "no", "none"}:
        yield (
            f"restart: {restart} is overridden: restarts are decided by dockwarden, and two that restart"
            " would fight; set the budget in the campaign file"
        )
    if node.get("init").value is False:
        yield "init: false leaves zombie processes of ended experiments behind"
    yield from ignored_ownership(node, context)
    yield from unused(node)
