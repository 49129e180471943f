"""The small forms that generated.py draws: odd texts, and keys that are laid over one another."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping
from typing import Final

from attrs import field, frozen

__all__ = ["FILE", "Form", "drawn"]

FILE: Final = "FILE"
"""Stands for the name of the file that goes with a form."""

Keys = Mapping[str, str]


@frozen
class Form:
    """One service in up to three places.

    Attributes:
        keys: of the service, each with its value in YAML.
        extended: those of a service that it extends; None for no such service.
        over: those of an override file; None for none.
        content: of a file that goes with it.
    """

    keys: Keys
    extended: Keys | None = None
    over: Keys | None = None
    content: str | None = field(default=None)


_COMMAND: Final = [
    "a",
    "2",
    " ",
    "\\",
    "'",
    '"',
    "n",
    "t",
    ">",
    "&",
    "(",
    "`",
    "#",
    "\t",
    "\n",
    "-",
    "é",
    "$$",
    ";",
]
_ENV_FILE: Final = [
    *("A", "B", "=", ":", " ", "\\", "'", '"', "n", "#", "\n", "x", "$", "$B", "{", "}", "export "),
    *("\t", ".", "0", "é", "\r\n", "[", "-", "$$", "\\$", "A=", "\nB="),
]
_SCALAR: Final = [
    "1",
    "0",
    "9",
    "e",
    "E",
    "+",
    "-",
    ".",
    "_",
    "x",
    "X",
    "o",
    "b",
    "y",
    "n",
    "true",
    "~",
    ":",
    "a",
]
_SIZE: Final = ["1", "0", "2", ".", "e", "+", "-", "g", "k", "m", "i", "b", " ", "_", "t"]
_INTERPOLATED: Final = [
    "${",
    "}",
    "$",
    "$B",
    "B",
    ":-",
    "-",
    "?",
    ":+",
    "x",
    "NONE",
    "$$",
    " ",
    "{",
]
_VOLUME: Final = ["/", "a", ":", "./", "~", "..", "ro", "z", "/b", "//", "-", " ", ":ro"]


# Values in YAML that are laid over one another, by key
_NOTHING: Final = ("", "!reset null")
_PAIRS: Final = (
    *("{A: 1}", "{A: 2, B: }", "{A: }", "{A: ''}", "{B: 1.50}", "{}", "[]", "{A: !reset null}"),
    *(
        "[A=1]",
        "[A]",
        "[B=2, C]",
        "[A=]",
        "!override {C: 3}",
        "!override [A=4]",
        "!reset {A: 1}",
        "",
    ),
)
_TEXTS: Final = ("a", "b", "''", '"${X:-}"', '"$B"', "!reset a", "!override b", "")
_WORDS: Final = ("[a]", "a b", "''", "[]", "!reset null", "!override [c]", "", "['']")
_NAMES: Final = ("[A]", "[A, B]", "[]", "!override [C]", "!reset []", "[!reset A, D]", "")
_LAID_OVER: Final[Mapping[str, tuple[str, ...]]] = {
    **dict.fromkeys(("environment", "labels", "annotations", "sysctls"), _PAIRS),
    **dict.fromkeys(
        ("user", "hostname", "working_dir", "domainname", "stop_signal", "ipc"), _TEXTS
    ),
    **dict.fromkeys(("runtime", "cpuset", "cgroup_parent", "userns_mode"), _TEXTS),
    **dict.fromkeys(("command", "entrypoint"), _WORDS),
    **dict.fromkeys(("cap_add", "cap_drop", "dns_search", "dns_opt"), _NAMES),
    "cpus": ("0", "1", "'0'", "0.5", "'${X:-2}'", *_NOTHING),
    **dict.fromkeys(("cpu_shares", "pids_limit", "oom_score_adj"), ("0", "5", "'0'", *_NOTHING)),
    **dict.fromkeys(("mem_limit", "shm_size"), ("0", "5m", "'0'", "1024", *_NOTHING)),
    **dict.fromkeys(("init", "tty", "privileged"), ("true", "false", "'no'", *_NOTHING)),
    "dns": ("a", "''", "['', b]", "[]", "[a, c]", "!override [d]", "", "!reset null"),
    "ports": (
        *("['80:80']", "['80:81', 82]", "[{target: 80, published: '80'}]", "[]", "", "!reset []"),
        *("!override ['83']", "[!reset '80:80', '84:84']", "[{target: 80, published: 0}]"),
    ),
    "expose": ("['80']", "[80, 81]", "[]", "", "!reset []", "!override ['82']"),
    "volumes": (
        *("['/a:/x']", "['/b:/x:ro', '/c']", "['/a:/x:ro,rw']", "[]", "", "!reset []"),
        *("!override ['/d:/x']", "[{type: tmpfs, target: /x, tmpfs: {size: 0}}]"),
        *("[{type: bind, source: /e, target: /x/, read_only: true}]", "[!reset '/a:/x', '/f:/y']"),
    ),
    "tmpfs": ("/x", "[/x, /y]", "['/x:size=1m']", "[]", "", "!reset []", "!override /z"),
    "ulimits": (
        *("{core: 0}", "{nofile: 5}", "{nofile: {soft: 1, hard: 2}}", "{}", "", "!reset null"),
        *("{nofile: {soft: 0, hard: 0}}", "{nofile: {soft: 1, hard: 0}}", "{nofile: !reset null}"),
    ),
    "extra_hosts": (
        *(
            "['a:1.1.1.1']",
            "{a: 1.1.1.2}",
            "{b: [1.1.1.3, 1.1.1.4]}",
            "['a=1.1.1.5']",
            "",
        ),
        *("!override {a: 1.1.1.6}", "!reset []", "{a: !reset null, c: 1.1.1.7}"),
    ),
    "logging": (
        *("{driver: a}", "{driver: b, options: {A: 1}}", "{options: {A: }}", "{options: {B: 2}}"),
        *("{driver: ''}", "!override {driver: c}", "!reset null", "{options: !reset null}", ""),
    ),
    "healthcheck": (
        *(
            "{test: a}",
            "{test: [CMD, b], retries: 3}",
            "{interval: 3s}",
            "{disable: true}",
            "",
            "{}",
        ),
        *(
            "{test: []}",
            "{retries: 0}",
            "!reset null",
            "!override {test: c}",
            "{test: !reset null}",
        ),
    ),
    "build": (
        *(
            ".",
            "{context: ., args: {A: 1}}",
            "{context: ., labels: {A: }}",
            "{target: ''}",
            "{target: t}",
        ),
        *(
            "{context: ., args: [A]}",
            "{labels: [A=1]}",
            "{labels: {A: !reset null}}",
            "",
            "!reset null",
        ),
        *("{shm_size: 0}", "{context: ., network: ''}", "{}", "!override {context: ./d}"),
    ),
    "deploy": (
        *(
            "{resources: {limits: {cpus: '0'}}}",
            "{resources: {limits: {memory: 5m}}}",
            "{labels: {A: }}",
        ),
        *("{resources: {reservations: {devices: [{capabilities: [gpu], count: 2}]}}}", "", "{}"),
        *(
            "{resources: {reservations: {devices: !override [{capabilities: [gpu]}]}}}",
            "!reset null",
        ),
        *("{resources: {reservations: {devices: [{capabilities: [], driver: ''}]}}}",),
        *("{restart_policy: {condition: ''}}", "{resources: {limits: {pids: 0}}}"),
    ),
    "gpus": ("[{count: 1}]", "[{count: 2}]", "[{device_ids: ['0']}]", "[]", "", "!reset null"),
    "devices": ("['/dev/a']", "['/dev/a:/dev/b']", "['/dev/c:/dev/b:r']", "[]", "", "!reset []"),
    "networks": (
        *(
            "[default]",
            "{default: {aliases: [a]}}",
            "{default: {aliases: [b], priority: 0}}",
            "",
            "!reset null",
        ),
        *("{default: {ipv4_address: ''}}", "{default: }", "{default: {driver_opts: {A: }}}", "{}"),
    ),
    "depends_on": (
        *(
            "[other]",
            "{other: {condition: service_started}}",
            "{other: {condition: service_healthy}}",
        ),
        *("[]", "", "!reset null", "{other: !reset null}", "!override [other]"),
        *("{other: {condition: service_started, restart: true}}", "{}"),
    ),
    "env_file": ("FILE", "[{path: FILE}]", "[]", "", "!reset null", "[{path: FILE, format: raw}]"),
    # Compose 5.3 refuses what two of these lists have in common, so nothing is joined
    "group_add": ("!override [1, a]", "!override ['2']", "", "!reset []"),
    "security_opt": ("!override ['label:a']", "!override ['no-new-privileges']", "", "!reset null"),
    "storage_opt": ("{A: b}", "{A: }", "{}", "", "!reset null"),
}


def _text(pieces: list[str], rng: random.Random, most: int = 9) -> str:
    return "".join(rng.choice(pieces) for _ in range(rng.randint(1, most)))


def _quoted(pieces: list[str], rng: random.Random, most: int = 9) -> str:
    return json.dumps(_text(pieces, rng, most), ensure_ascii=False)


def _laid_over(rng: random.Random) -> Form:
    """One or two keys, in the service itself and in what it extends or in what lies over it."""
    keys = rng.sample(list(_LAID_OVER), rng.randint(1, 2))
    if "deploy" in keys:
        keys = ["deploy"]  # whose limits Compose takes beside no other

    def values() -> Keys:
        return {key: rng.choice(_LAID_OVER[key]) for key in keys if rng.random() < _OFTEN}

    extended, over = rng.choice(_PLACES)
    return Form(
        values(),
        values() if extended else None,
        values() if over else None,
        "A=file\nB=${A}\n" if "env_file" in keys else None,
    )


_OFTEN: Final = 0.85
_PLACES: Final = ((False, False), (False, True), (True, False), (True, True))
_ODD_TEXTS: Final[tuple[Callable[[random.Random], Form], ...]] = (
    lambda rng: Form({"command": _quoted(_COMMAND, rng)}),
    lambda rng: Form({"env_file": FILE}, content=_text(_ENV_FILE, rng) + rng.choice(["", "\n"])),
    lambda rng: Form({"mem_limit": _quoted(_SIZE, rng, 5)}),
    lambda rng: Form({"labels": f"{{a: {_quoted(_INTERPOLATED, rng)}}}"}),
    lambda rng: Form({"volumes": f"[{_quoted(_VOLUME, rng, 5)}]"}),
    lambda rng: Form({"environment": f"\n      A: {_text(_SCALAR, rng, 6)}"}),
)


def drawn(rng: random.Random) -> Form:
    """A form at random: half of them odd texts, half of them keys that are laid over one another."""
    return rng.choice((rng.choice(_ODD_TEXTS), _laid_over))(rng)
