"""Small forms, one row each: the table of test_small_forms.py.

A row is one service ``a`` (its keys beside ``image``), what is merged over it, and what else the project holds.
"""

from __future__ import annotations

from tests.compose.merged_forms import MERGED
from tests.compose.odd_forms import ODD
from tests.compose.row import Row, env_file, override, refused

__all__ = ["ROWS"]


ENV = {".env": "L=dot\n", "b.env": "L=b\nM=${L}\n", "c.env": "L=c\n"}
SHOWN = 'environment: {L: "${L-}", M: "${M-}"}'

ROWS: dict[str, Row] = {
    # The caller's variables
    "working directory": Row('volumes: ["${PWD}/models:/models:ro"]'),
    "working directory in a file": env_file("A=${PWD}\n"),
    "working directory of .env is not used": Row(
        'environment: {P: "${PWD}"}', files={".env": "PWD=/elsewhere\n"}
    ),
    "working directory passed through": Row("environment: [PWD]"),
    "files named in place of .env": Row(
        SHOWN, files=ENV, environ={"COMPOSE_ENV_FILES": "b.env,c.env"}
    ),
    "the caller wins over those": Row(
        SHOWN, files=ENV, environ={"COMPOSE_ENV_FILES": "b.env", "L": "caller"}
    ),
    "a file named there that is missing": Row(
        SHOWN, files=ENV, environ={"COMPOSE_ENV_FILES": "absent.env"}, refused="absent.env"
    ),
    ".env switched off": Row(SHOWN, files=ENV, environ={"COMPOSE_DISABLE_ENV_FILE": "1"}),
    ".env left on": Row(SHOWN, files=ENV, environ={"COMPOSE_DISABLE_ENV_FILE": "false"}),
    ".env switches itself off": Row(
        SHOWN, files={".env": "L=dot\nCOMPOSE_DISABLE_ENV_FILE=true\n"}
    ),
    ".env switched off by another word": Row(
        SHOWN, environ={"COMPOSE_DISABLE_ENV_FILE": "yes"}, refused="COMPOSE_DISABLE_ENV_FILE"
    ),
    "another file named": Row(
        "hostname: h", environ={"COMPOSE_FILE": "other.yml"}, warned="COMPOSE_FILE"
    ),
    "this file named": Row("hostname: h", environ={"COMPOSE_FILE": "compose.yml"}),
    "this file and another one named": Row(
        "hostname: h",
        environ={"COMPOSE_FILE": "compose.yml,o.yml", "COMPOSE_PATH_SEPARATOR": ","},
        warned="COMPOSE_FILE",
    ),
    "names as of version 1": Row(
        "hostname: h", files={".env": "COMPOSE_COMPATIBILITY=1\n"}, warned="COMPOSE_COMPATIBILITY"
    ),
    "names as of version 2": Row("hostname: h", environ={"COMPOSE_COMPATIBILITY": "false"}),
    "a project's name and profiles from .env": Row(
        "hostname: ${COMPOSE_PROJECT_NAME}",
        files={".env": "COMPOSE_PROJECT_NAME=named\nCOMPOSE_PROFILES=p\n"},
    ),
    "variables for commands": Row(
        "hostname: h",
        environ={
            "COMPOSE_ANSI": "never",
            "COMPOSE_CONVERT_WINDOWS_PATHS": "1",
            "COMPOSE_EXPERIMENTAL_GIT_REMOTE": "0",
            "COMPOSE_IGNORE_ORPHANS": "1",
            "COMPOSE_MENU": "1",
            "COMPOSE_PARALLEL_LIMIT": "1",
            "COMPOSE_PROGRESS": "quiet",
            "COMPOSE_REMOVE_ORPHANS": "1",
            "COMPOSE_STATUS_STDOUT": "1",
            "DOCKER_BUILDKIT": "0",
            "DOCKER_DEFAULT_PLATFORM": "linux/arm64",
        },
    ),
    "a project's name is normalised": Row("hostname: h", top="name: My_Project\n"),
    "and so is one out of a variable": Row(
        'environment: {P: "${COMPOSE_PROJECT_NAME}"}', top="name: ${N}\n", environ={"N": "A.b C"}
    ),
    # Environment files
    "colon": env_file("MODEL:llama-3\nDTYPE=auto\n"),
    "colon and space": env_file("MODEL: llama-3\n"),
    "colon in a value": env_file("A:b=c\n"),
    "nothing but a hash": env_file("A= # c\n"),
    "comment after a tab": env_file("A=x\t# c\n"),
    "a name alone": env_file("A=1\nB\n", B="caller"),
    "a name alone, of one above": env_file("A=1\nA\n"),
    "variables of several files": Row(
        "env_file: [a.env, b.env]",
        files={"a.env": "A=1\nE=e\n", "b.env": "C=${A}\nA=2\nD=${A}\nE\nF=${E}\n"},
    ),
    "variables of the service in its files": Row(
        "env_file: [a.env, b.env]\nenvironment: {A: own, P: own, C: '', D: , Q: }",
        files={
            "a.env": "A=1\nB=${A}\nE=${P}${C-unset}${D-unset}${Q-unset}\nF=1\n",
            "b.env": "G=${F}\nF=2\nH=${F}${A}\n",
        },
        environ={"P": "caller", "Q": "caller"},
    ),
    "those of files in place of .env": Row(
        SHOWN,
        files={"a.env": "L=1\n", "b.env": "L=2\nM=${L}\n"},
        environ={"COMPOSE_ENV_FILES": "a.env,b.env"},
    ),
    "escapes": env_file('A="a\\tb\\n\\"\\\\c\\$B"\n', B="b"),
    "single quotes keep backslashes": env_file("A='a\\\\b\\'c'\n"),
    "quotes over lines, as on Windows": env_file("A='b\r\nc'\r\nD=e\r\n"),
    "a last name without a line break": env_file("A=1\nB", "env_file[0]"),
    "no name": env_file("=b\n", "env_file[0]"),
    "two in a line": env_file('A="b" C=d\n', "env_file[0]"),
    # Environment and arguments
    "an override passes through": override("environment: {L: info}", "environment: [L]"),
    "an override passes through, set": override(
        "environment: {L: info}", "environment: [L]", environ={"L": "caller"}
    ),
    "an override passes an argument through": override(
        "build: {context: ., args: {L: info}}",
        "build: {args: [L]}",
        environ={"L": "caller"},
    ),
    "an override sets what is passed through": override("environment: [L]", "environment: {L: b}"),
    "a name that ends in a space": refused("environment: ['A = b']", "environment"),
    "an argument that ends in a space": refused("build: {context: ., args: ['A = b']}", "build"),
    "floats in the environment": Row(
        "environment: {A: 1e6, B: 1.50, C: 12345678.9, D: 1e-7, E: -0.0, F: 123456.0, G: 1e400,"
        " H: .5e1, I: -.5E2, J: +.5e+1, K: 1.e3, L: .e1, M: .5e, N: .5e999}"
    ),
    "big numbers in the environment": Row("environment: {A: 18446744073709551616, B: 0X1F, C: -0}"),
    "floats elsewhere": Row(
        "labels: {a: 1e6}\nsysctls: {a: 1e7}\nannotations: {a: 1.0}\nlogging: {driver: x, options: {a: 1e6}}"
    ),
    "a number that begins with an underscore": refused(
        "environment: {A: +_1E9}", "environment.A", compose_takes=True
    ),
    "a fraction that does": refused("environment: {A: ._9}", "environment.A", compose_takes=True),
    "a fraction that ends in an underscore": refused(
        "environment: {A: .0_}", "environment.A", compose_takes=True
    ),
    "a date": refused("environment: {A: 2024-01-01}", "environment.A", compose_takes=True),
    # Sizes and numbers
    "a size as a float in quotes": Row('mem_limit: "1e9"\nshm_size: "1.5g"'),
    "a size that is a float": refused("mem_limit: 8e9", "mem_limit", compose_takes=True),
    "a size with a unit cut short": refused("mem_limit: 1gi", "mem_limit"),
    "a limit that is a float": refused("ulimits: {nofile: 1e3}", "nofile"),
    "a port that is a float": refused("ports: [8e3]", "ports"),
    "an exposed port that is a float": refused("expose: [8e3]", "expose"),
    "a group that is a float": refused("group_add: [1e3]", "group_add"),
    "whole numbers that are floats": Row("pids_limit: 1e2\ncpu_shares: 100.0\nscale: 1.0"),
    # Commands
    "a stream's number": Row("command: serve --port 80 2>&1 | tee log"),
    "a stream's number in quotes": Row("command: \"serve '2'>log\""),
    "a word that ends in a digit": Row("command: serve gpu2>log"),
    "a word that begins with a digit": refused(
        "command: serve 2gpu>log", "Compose 5.3 drops that word", compose_takes=True
    ),
    "line break and tab": Row("command: a \\n \\t b"),
    "in double quotes": Row("""command: 'a "\\d+" "\\n" "x\\\\y" "q\\"r"'"""),
    "in single quotes": Row("command: a '\\n\\d' b"),
    "dollars": Row("command: 'a \"$$HOME\" ~ *'"),
    "a shell's parentheses": refused("command: serve (a b)", "command"),
    "a shell's command": refused("command: serve $$(echo hi)", "command", compose_takes=True),
    "a shell's backquotes": refused("command: serve `echo hi`", "command", compose_takes=True),
    "those in quotes": Row("""command: 'serve "$$(a)" "`b`"'"""),
    **MERGED,
    **ODD,
    # GPUs
    "no devices": Row("gpus: [{device_ids: []}]"),
    "all devices": Row("gpus: [{count: ALL}]"),
    "a count of 0": Row("gpus: [{count: 0}]"),
    "no reserved devices": Row(
        "deploy: {resources: {reservations: {devices: [{capabilities: [gpu], device_ids: []}]}}}"
    ),
    "a count that is a float": refused("gpus: [{count: 1.0}]", "gpus[0]"),
    "a device twice": refused(
        "deploy: {resources: {reservations: {devices: [{capabilities: [gpu], device_ids: ['0', '0']}]}}}",
        "devices[0]",
    ),
    # Containers
    "switched off by scale": Row("depends_on: [b@]", top="  b@: {image: y, scale: 0}\n"),
    "switched off by replicas": Row(
        "depends_on: [b@]", top="  b@: {image: y, deploy: {replicas: 0}}\n"
    ),
    "two numbers of containers": refused("scale: 1\ndeploy: {replicas: 2}", "scale"),
    # Volumes
    "a folder in a volume": Row(
        "volumes: ['models@:/m']",
        top="volumes: {models@: {driver: local, driver_opts: {type: none, o: bind, device: ./models}}}\n",
    ),
    "one at home": Row(
        "volumes: ['models@:/m']",
        top="volumes: {models@: {driver: local, driver_opts: {type: none, o: bind, device: ~/models}}}\n",
    ),
    "one without a driver": Row(
        "volumes: ['models@:/m']",
        top="volumes: {models@: {driver_opts: {type: none, o: bind, device: ./models}}}\n",
    ),
    "paths at home": Row("volumes: ['~x/y:/a', '~:/b', '~/c/:/c']\nbuild: ~x"),
    "a volume that ends in a colon": refused("volumes: ['/a:/b:']", "volumes"),
    "a mount point of one letter": refused("volumes: ['/a:z:ro']", "volumes", compose_takes=True),
    "a volume of one letter": refused("volumes: ['v:/m']", "volumes", compose_takes=True),
    "no limit": Row("mem_limit: 0\nshm_size: 0m"),
    # YAML
    "a tab before a comment": Row("hostname: h\t# pinned\nuser:\tu\nworking_dir: '/w'\t"),
    "a tab in a plain text": Row("hostname: a\tb"),
    "a tab after a key": Row("labels:\t# c\n  a: b"),
    "half a character": refused(r'hostname: "\ud83d\ude00"', "half a character"),
    "half a character in a key": refused(r'environment: {"\ud83d": a}', "half a character"),
    "a whole character": Row(r'environment: {"A": "\U0001f600"}'),
    "a tab as indentation": refused("labels:\n\ta: b", "line 5, column 5"),
    # Sections
    "include": Row(
        "depends_on: [b]",
        top="include: [b.yml]\n",
        files={"b.yml": "services: {b: {image: y}}\n"},
        refused="include",
        compose_takes=True,
    ),
    "jobs": Row("hostname: h", top="jobs: {b: {image: y}}\n", refused="jobs"),
}
