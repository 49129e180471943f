"""Forged ends, and tricks with the processes around an experiment."""

from __future__ import annotations

from typing import Final

from tests.hostile.trick import Completes, Either, Fails, Trick
from tests.hostile.tricks.words import SAID

__all__ = ["BOMBS", "PROCESSES", "TITLES"]

_SHELL: Final = Either(Completes(137), Fails("shell|killed|not noted|lost|ended by"))
"""The engine saw what became of the shell around the command; nothing in a file counts against that."""

PROCESSES: Final = (
    Trick(
        "forged-code",
        "it notes a 0 and exits with 3",
        'echo 0 >"$mine/exit_code"; exit 3',
        Completes(3),
    ),
    Trick(
        "forged-by-a-child",
        "a child notes a 0 again and again",
        '(trap "" HUP; i=0; while [ $i -lt 3000 ]; do echo 0 >"$mine/exit_code"; i=$((i+1)); done) 2>/dev/null & exit 3',
        Completes(3),
    ),
    Trick("shell-killed", "it kills the shell around it", "kill -9 $PPID", _SHELL),
    Trick(
        "shell-killed-code-forged",
        "it notes a 0 and kills the shell around it",
        'echo 0 >"$mine/exit_code"; kill -9 $PPID',
        _SHELL,
    ),
    Trick(
        "code-no-number",
        "what it notes is no exit code, and long",
        'python3 -c "print(\'9\' * 10_000_000)" >"$mine/exit_code"; kill -9 $PPID',
        _SHELL,
    ),
    Trick(
        "code-out-of-range",
        "what it notes is no exit code of this world",
        'echo 999 >"$mine/exit_code"; kill -9 $PPID',
        _SHELL,
    ),
    Trick(
        "shell-stopped",
        "it stops the shell around it, which never ends",
        "kill -STOP $PPID",
        Fails("time limit"),
        {"timeout": "3s"},
    ),
    Trick(
        "deaf",
        "it ignores every signal that may be ignored",
        "trap '' TERM INT HUP QUIT USR1 USR2; while :; do sleep 1; done",
        Fails("time limit"),
        {"timeout": "2s"},
    ),
    Trick(
        "everything-killed",
        "it kills every process of its container",
        "kill -9 -1",
        Fails("container|killed"),
    ),
    Trick(
        "from-the-future",
        "its files are of the year 2100",
        'touch -d 2100-01-01 "$mine"/*',
        Completes(),
    ),
    Trick(
        "from-the-past",
        "its files are of the year 1970",
        'touch -d @0 "$mine"/*',
        Completes(),
    ),
    Trick(
        "beyond-the-calendar",
        "its files are of a year that no calendar has",
        'touch -d @999999999999999 "$mine"/*; touch -d @-99999999999 "$mine/started"',
        Completes(),
    ),
    Trick(
        "written-after-the-end",
        "a child goes on writing when it has ended",
        # The next run's slot is there once this attempt's output has been collected.
        'trap "" HUP; (until [ -e "$spool/$next.1" ]; do sleep 0.1; done; i=0;'
        " while [ $i -lt 50 ]; do echo late; sleep 0.1; i=$((i+1)); done) & echo before",
        Completes(stdout="before\n"),
    ),
    Trick(
        "another-user",
        "it runs as an unknown user",
        "echo fine",
        Completes(stdout="fine\n"),
        {"user": "4242:4242"},
    ),
)

_SAYING: Final = tuple(
    Trick(
        f"title-{name}",
        f"it leaves a process with the title {text}",
        f"""title=$(printf '{text}')
python3 -c 'import os, sys; os.execv("/bin/sleep", [sys.argv[1], "300"])' "$title" &
until read -r name </proc/$!/comm && [ "$name" = sleep ]; do :; done""",
        Completes(left=True),
    )
    for name, text in SAID.items()
)
_LONG: Final = """python3 - <<'END'
import os
for _ in range(100):
    if os.fork() == 0:
        os.close(1), os.close(2)
        os.execv("/bin/sleep", ["sleep", *["0" * 120_000] * 16, "300"])
END
while [ "$(grep -l '^sleep$' /proc/[0-9]*/comm | wc -l)" -lt 100 ]; do :; done"""

TITLES: Final = (
    *_SAYING,
    Trick(
        "title-long",
        "it leaves 100 processes with titles of 2 MB",
        _LONG,
        Completes(left=True),
    ),
)
"""The title of a process is in the record of what was left, and in the engine's list of processes."""

_BOMB: Final = """
import os, signal, sys, time
for one in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
    signal.signal(one, signal.SIG_IGN)
def fork():
    try:
        return os.fork()
    except OSError:  # the limit of its container
        return None
if sys.argv[1] == "leave" and fork():
    sys.exit(0)
if sys.argv[1] == "leave":
    os.setsid()
while True:
    if fork() == 0 and os.getpid() % 3:
        time.sleep(0.2)
        os._exit(0)
    time.sleep(0.01)
"""

BOMBS: Final = tuple(
    Trick(
        f"forks-{name}",
        words,
        f"python3 - {argument} <<'END'\n{_BOMB}END",
        expects,
        keys,
    )
    for name, words, argument, expects, keys in (
        (
            "without-end",
            "it forks without an end, up to the limit of its container, and deaf to signals",
            "stay",
            Fails("time limit|container|killed"),
            {"timeout": "3s"},
        ),
        (
            "left",
            "it ends, and leaves processes that fork without an end",
            "leave",
            Either(Completes(), Fails("left|container|cannot be ended")),
            {},
        ),
    )
)
