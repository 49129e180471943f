"""Small forms that few write: rows of the table in small_forms.py."""

from __future__ import annotations

from tests.compose.row import Row, refused

__all__ = ["ODD"]

_MERGED = "x-m: &m {Q: 1}\n"

ODD: dict[str, Row] = {
    # Names that begin with x-
    **{
        f"x- in a mapping: {keys}": refused(keys, "x-a: Compose takes", compose_takes=takes)
        for keys, takes in {
            "environment: {x-a: b}": True,
            "labels: {x-a: b}": True,
            "annotations: {x-a: b}": True,
            "sysctls: {x-a: b}": True,
            "build: {context: ., args: {x-a: b}}": True,
            "build: {context: ., labels: {x-a: b}}": True,
            "logging: {driver: x, options: {x-a: b}}": True,
            "gpus: [{options: {x-a: b}}]": True,
            "networks: {default: {driver_opts: {x-a: b}}}": True,
            "storage_opt: {x-a: b}": False,
            "extra_hosts: {x-a: 1.1.1.1}": False,
        }.items()
    },
    "x- in a list": Row("environment: [x-a=1]\nlabels: [x-b=c]\nsysctls: [x-c=d]"),
    "x- where it is an extension": Row(
        "x-q: {labels: {x-a: b}}\nhealthcheck: {test: a, x-a: b}\nnetworks: {default: {x-a: b}}"
    ),
    "x- in the settings of a network": Row(
        "hostname: h",
        top="networks: {default: {labels: {x-a: b}}}\n",
        refused="networks.default.labels.x-a",
        compose_takes=True,
    ),
    # Dates
    **{
        f"a date: {date}": refused(f"environment: {{A: {date}}}", "is a date", compose_takes=True)
        for date in ("2024-1-1", "2024-1-1  1:2:3.5", "2024-1-1T1:2:3Z", "2024-1-1t1:2:3+01:00")
    },
    "what only looks like a date": Row(
        "environment: {A: 2024-1-1 1:2, B: 1-1-1, C: '2024-1-1', D: 2024-1-1-1, E: 2024-1-1T1:2:3}"
    ),
    "a date as a key": refused("environment: {2024-1-1: a}", "2024-1-1 is not text"),
    # YAML
    **{
        f"a key twice: {inner}": Row(
            f"environment: {inner}", top=_MERGED, refused="duplicate key", compose_takes=False
        )
        for inner in ("{A: 1, A: 2}", "{<<: {B: 1}, A: 1, A: 2}", "{A: 1, <<: {A: 3}, A: 2}")
    },
    "a mapping as a key": refused("environment: {? {A: b} : c}", "unhashable key"),
    "a key over a merged one": Row("environment: {A: 1, <<: {A: 2, B: 2}}"),
    "the sign of a merge as a value": refused(
        "environment: {A: <<}", "environment.A: << is the sign", compose_takes=True
    ),
    "a tag of another program": refused(
        "environment: {A: !foo x}", "does not know the tag !foo", compose_takes=True
    ),
    "a version of YAML": Row(
        "hostname: h",
        files={"compose.yml": "%YAML 1.1\n---\nservices: {a: {image: x}}\n"},
        refused="%YAML",
        compose_takes=True,
    ),
    # Volumes
    "read-only, and not": Row("volumes: ['/a:/b:ro,rw', '/a:/c:rw,ro', '/a:/d:ro,z,rw,shared']"),
    "a mode in quotes": refused(
        "volumes: [{type: tmpfs, target: /a, tmpfs: {mode: '1777'}}]", "mode"
    ),
    # Ports
    "port 0": Row("ports: [{target: 80, published: 0}, {target: 81, published: '0'}]"),
    **{
        f"a port of an address that is none: {port}": refused(
            f"ports: [{port}]", "is not an IP address"
        )
        for port in (
            "'host:80:80'",
            "'1.2.3:80:80'",
            "'*:80:80'",
            "{target: 80, host_ip: localhost}",
        )
    },
    "a port 0 inside": refused("ports: ['80:0']", "ports[0]"),
    # Builds
    "a build of nothing in particular": Row("build: {}"),
    # Numbers
    **{
        f"CPUs: {count}": Row(f"cpus: {count}")
        for count in (
            "0.33333333",
            "'1234.56789'",
            "16777217",
            "1.00000001",
            "1e-9",
            "'.5'",
            "'+1'",
        )
    },
    "reserved CPUs of many digits": Row("deploy: {resources: {limits: {cpus: '3.14159265'}}}"),
    **{
        f"no number: {keys}": refused(keys, "number")
        for keys in (
            "cpus: '2 '",
            "cpu_shares: '1_000'",
            "pids_limit: ' 5'",
            "oom_score_adj: '1e3'",
        )
    },
    "fewer retries than none": refused("healthcheck: {test: a, retries: -1}", "retries"),
    # Options of a device
    "options of a device": Row("gpus: [{options: {a: , b: 1, c: true}}]"),
    "those as a list": Row("gpus: [{options: ['a', 'b=c', 'd=', 'e=f=g']}]"),
    # Names and files
    "hosts with several addresses": Row(
        "extra_hosts: ['b:1.1.1.5', 'a:1.1.1.5', 'a:1.1.1.10', 'a:::1']\n"
        "build: {context: ., extra_hosts: {b: 1.1.1.1, a: [1.1.1.5, 1.1.1.4]}}"
    ),
    "no name of a host": refused("extra_hosts: [':1.1.1.1']", "is not the name of a host"),
    "a colon in the name of a host": refused("extra_hosts: ['a:b=c']", "is not the name of a host"),
    "a custom format": Row(
        "env_file: [{path: e, format: foo}]", files={"e": "A=1\n"}, refused="env_file[0].format"
    ),
    "a space in a name of a raw file": Row(
        "env_file: [{path: e, format: raw}]", files={"e": "C =2\n"}, refused="env_file[0]"
    ),
    "what is odd in a raw file": Row(
        "env_file: [{path: e, format: raw}]",
        files={"e": "\ufeff A='$B' #c\r\n#d=e\nHOME\nNOWHERE\nF=\nF\n"},
    ),
    "a key under !reset beside a merge": refused(
        "x-a: &a {b: c}\nlogging: {driver: d, options: {<<: *a, b: !reset null}}",
        "!reset",
        compose_takes=True,
    ),
    "an empty format": Row("env_file: [{path: e, format: ''}]", files={"e": "A=1\n"}),
    "a secret from two places": Row(
        "secrets: [s]", top="secrets: {s: {file: ./s, environment: E}}\n", refused="secrets.s"
    ),
    "a config from two places, one of them empty": Row(
        "hostname: h", top="configs: {c: {file: ./c, content: ''}}\n", refused="configs.c"
    ),
    "a config without content": Row(
        "configs: [c]", top="configs: {c: {content: ''}}\n", refused="configs.c", compose_takes=True
    ),
}
