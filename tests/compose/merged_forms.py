"""Small forms of what is laid over another, and of empty values: rows of the table in small_forms.py."""

from __future__ import annotations

from tests.compose.row import Row, override, refused

__all__ = ["MERGED"]

MERGED: dict[str, Row] = {
    # What lies over another
    "an empty environment": override("environment: {A: b}", "environment:"),
    "an empty list of ports": override("ports: ['80']", "ports:"),
    "an empty user": override("user: u", "user:"),
    "an empty key further down": override(
        "healthcheck: {test: x, interval: 3s}", "healthcheck: {interval: }"
    ),
    "an empty command": override("command: [a]", "command:"),
    "an empty entrypoint": override("entrypoint: [a]", "entrypoint:"),
    "an empty key over nothing": override("hostname: h", "user:", refused="user"),
    "an empty limit": override("ulimits: {nofile: 3}", "ulimits: {nofile: }", refused="nofile"),
    "a mount point with a slash": override("volumes: ['./a:/data']", "volumes: ['/srv:/data/']"),
    "a mount point with two": override(
        "volumes: ['/x:/a//b']", "volumes: [{type: bind, source: /y, target: /a/b}]"
    ),
    "logging over a driver": override(
        "logging: {driver: json-file, options: {a: b}}", "logging: {options: {c: d}}"
    ),
    "a driver over logging": override(
        "logging: {options: {a: b}}", "logging: {driver: json-file, options: {c: d}}"
    ),
    "another driver": override(
        "logging: {driver: local, options: {a: b}}", "logging: {driver: json-file, options: {c: d}}"
    ),
    "an empty driver over one": override(
        "logging: {driver: local, options: {a: b}}", "logging: {driver: '', options: {c: d}}"
    ),
    "an empty file": Row("hostname: h", files={"compose.override.yml": "# nothing\n"}),
    # What extends another, and takes something out of it
    "keys of one it extends": Row(
        "extends: b@\nports: !reset []\nenvironment: {A: !reset null, C: 3}\ncommand: !reset null",
        top="  b@: {image: y, ports: ['80'], environment: {A: 1, B: 2}, command: c}\n",
    ),
    "keys of one it extends in another file": Row(
        "extends: {file: b.yml, service: b}\nports: ['81:81']\nuser: !reset null",
        files={
            "b.yml": "services:\n  b: {extends: c, ports: !override ['80:80']}\n"
            "  c: {image: z, ports: ['79:79'], user: u}\n"
        },
    ),
    "keys of one that is extended further on": Row(
        "extends: b@\nports: ['81:81']",
        top="  b@: {extends: c@, ports: !override ['80:80']}\n  c@: {image: z, ports: ['79:79']}\n",
    ),
    "all of what it extends": Row(
        "hostname: h", top="  b@: !override {image: y, extends: c@}\n  c@: {image: z, user: u}\n"
    ),
    # Empty values
    **{
        f"an empty value over one: {keys}": override(keys, over)
        for keys, over in {
            "labels: {a: 1}": "labels: {a: }",
            "annotations: {a: 1}": "annotations: {a: }",
            "sysctls: {a: 1}": "sysctls: {a: }",
            "deploy: {labels: {a: 1}}": "deploy: {labels: {a: }}",
            "build: {context: ., labels: {a: 1}}": "build: {labels: {a: }}",
            "logging: {driver: x, options: {a: b}}": "logging: {options: {a: }}",
            "storage_opt: {a: b}": "storage_opt: {a: }",
        }.items()
    },
    "empty values over those of networks and volumes": Row(
        "volumes: ['vv@:/v']\nnetworks: [n@]",
        top="networks: {n@: {labels: {a: 1}, driver_opts: {b: 1}}}\nvolumes: {vv@: {labels: {a: 1}}}\n",
        files={
            "compose.override.yml": "networks: {n@: {labels: {a: }, driver_opts: {b: }}}\n"
            "volumes: {vv@: {labels: {a: }}}\n"
        },
    ),
    **{
        f"an empty {key}": Row(f'{key}: "${{X:-}}"')
        for key in (
            *("cgroup_parent", "cpuset", "dns", "domainname", "hostname", "ipc", "mac_address"),
            *("network_mode", "pid", "platform", "restart", "runtime", "stop_signal", "user"),
            *("userns_mode", "uts", "working_dir"),
        )
    },
    "an empty text over one": override("user: u", 'user: ""'),
    "an empty server of names": Row("dns: ['', 8.8.8.8]"),
    "empty texts further down": Row(
        "build: {context: ., target: '', network: '', dockerfile: ''}\n"
        "logging: {driver: ''}\n"
        "deploy: {restart_policy: {condition: ''}}\n"
        "networks: {n@: {ipv4_address: '', ipv6_address: '', mac_address: ''}}\n"
        "volumes: ['vv@:/v']",
        top="networks: {n@: {driver: '', ipam: {driver: ''}}}\nvolumes: {vv@: {driver: ''}}\n",
    ),
    **{
        f"{key} 0": Row(f"{key}: 0")
        for key in (
            *("cpus", "cpu_period", "cpu_quota", "cpu_shares", "mem_reservation", "oom_score_adj"),
            *("pids_limit",),
        )
    },
    "limits of 0 further down": Row(
        "deploy: {resources: {limits: {cpus: '0', memory: '0', pids: 0}}}\n"
        "volumes: [{type: tmpfs, target: /t, tmpfs: {size: 0}}]\n"
        "build: {context: ., shm_size: 0}"
    ),
    "a lower limit of 0": Row(
        "ulimits: {nofile: {soft: 1, hard: 0}, core: 0, nproc: {soft: 0, hard: 2}}"
    ),
    "no capabilities": Row("deploy: {resources: {reservations: {devices: [{capabilities: []}]}}}"),
    "dollars in keys": Row(
        'labels: {"$${X}": "$$x"}\nannotations: {"a$$b": c}\nsysctls: {"a$$b": c}\n'
        'logging: {driver: x, options: {"a$$b": c}}'
    ),
    "an external network with settings": Row(
        "networks: [n@]",
        top="networks: {n@: {external: true, driver: bridge, driver_opts: {a: b}, internal: true,"
        " ipam: {config: [{subnet: 10.0.0.0/8}]}}}\n",
    ),
    "an external volume with settings": Row(
        "volumes: ['v-v:/v']",
        top="volumes: {v-v: {external: true, driver: local}}\n",
        refused="driver",
    ),
    # What is taken out, and what only looks as if it were
    "an entry of a list, reset": Row("ports: [!reset '80:80', '81:81']\nvolumes: [!reset '/b:/b']"),
    "an entry of a list, reset over one": override(
        "ports: ['80:80']", "ports: [!reset '80:80', '81:81']"
    ),
    "a key of a mapping": override("environment: {A: 1, B: 2}", "environment: {A: !reset null}"),
    "a key of a list that is not in it": override("labels: [B=2]", "labels: {A: !reset null}"),
    **{
        f"a key of a list: {keys}": refused(
            keys, "A: Compose takes no", compose_takes=True, over=over
        )
        for keys, over in {
            "environment: [A=1, B=2]": "environment: {A: !reset null, C: 3}",
            "labels: [A=1]": "labels: {A: !reset null}",
            "build: {context: ., args: [A=1]}": "build: {args: {A: !reset null}}",
            "extra_hosts: {A: 1.1.1.1}": "extra_hosts: {A: !reset null, C: 1.1.1.1}",
        }.items()
    },
    "a key above an empty list that is extended": Row(
        "extends: b\nsysctls: {}",
        top="  b: {image: y, sysctls: []}\n",
        files={
            "compose.override.yml": "services: {a: {sysctls: {A: 1}}}\n---\n"
            "services: {a: {sysctls: {A: !reset null}}}\n"
        },
        refused="services.a.sysctls.A",
        compose_takes=True,
    ),
    "a key under an empty list": Row(
        "extends: b\nlabels: []",
        top="  b: {image: y, labels: {A: 1}}\n",
        files={"compose.override.yml": "services: {a: {labels: {A: !reset null}}}\n"},
        refused="services.a.labels.A",
        compose_takes=True,
    ),
    "a name beside external.name": Row(
        "hostname: h",
        top="networks: {n: {name: '', external: {name: old}}}\n",
        refused="networks.n.name",
    ),
    "a key of what two documents write": Row(
        "environment: {A: 1}",
        files={
            "compose.override.yml": "services: {a: {environment: {B: 2}}}\n---\n"
            "services: {a: {environment: {A: !reset null}}}\n"
        },
        refused="services.a.environment.A",
        compose_takes=True,
    ),
    "a key of a list that it extends": Row(
        "extends: b\nlabels: {A: !reset null}",
        top="  b: {image: y, labels: [A=1]}\n",
        refused="services.a.labels.A",
        compose_takes=True,
    ),
    "a dependency of a list": Row(
        "depends_on: [b@]",
        top="  b@: {image: y}\n",
        files={"compose.override.yml": "services: {a@: {depends_on: {b@: !reset null}}}\n"},
    ),
    "a dependency of a list that it extends": Row(
        "extends: c\ndepends_on: {b: !reset null}",
        top="  b: {image: y}\n  c: {image: y, depends_on: [b]}\n",
        refused="services.a.depends_on.b",
        compose_takes=True,
    ),
    **{
        f"a {key} over one: {over}": Row(
            f"{key}s: [s@]",
            f"{key}s: [{over}]",
            top="secrets: {s@: {file: ./s}, t@: {file: ./t}}\nconfigs: {s@: {file: ./s}, t@: {file: ./t}}\n",
        )
        for key in ("secret", "config")
        for over in (
            *("s@", "{source: s@}", "{source: t@, target: /run/secrets/s@}"),
            *("{source: t@, target: /s@}", "{source: t@, target: q}"),
        )
    },
    "subnets over others": Row(
        "hostname: h",
        top="networks: {default: {ipam: {config: [{subnet: 10.1.0.0/16}]}}}\n",
        files={
            "compose.override.yml": "networks: {default: {ipam: {config: [{subnet: 10.2.0.0/16}]}}}\n"
        },
        refused="networks.default.ipam.config",
        compose_takes=True,
    ),
    "an external name below external": Row(
        "hostname: h",
        top="networks: {default: {external: {name: old}}}\n",
        files={"compose.override.yml": "networks: {default: {external: true}}\n"},
        refused="networks.default.external",
        compose_takes=True,
    ),
    "subnets in place of others": Row(
        "networks: [n@]",
        top="networks: {n@: {ipam: {config: [{subnet: 10.1.0.0/16}]}}}\n",
        files={
            "compose.override.yml": "networks: {n@: {ipam: {config: !override [{subnet: 10.2.0.0/16}]}}}\n"
        },
    ),
    "GPUs over others": override("gpus: [{count: 1}]", "gpus: [{count: 2}]"),
    "GPUs over all": refused(
        "gpus: all", "services.a.gpus", compose_takes=True, over="gpus: [{count: 2}]"
    ),
    "all GPUs over some": refused("gpus: [{count: 2}]", "services.a.gpus", over="gpus: all"),
    "all GPUs over all": refused("gpus: all", "services.a.gpus", over="gpus: all"),
    "GPUs over the same": refused(
        "gpus: [{count: all}]", "services.a.gpus", compose_takes=True, over="gpus: [{count: -1}]"
    ),
    "reserved devices over the same": refused(
        "deploy: {resources: {reservations: {devices: [{capabilities: [gpu], count: 1}]}}}",
        "devices",
        compose_takes=True,
        over="deploy: {resources: {reservations: {devices: [{capabilities: [gpu], count: 1}]}}}",
    ),
}
