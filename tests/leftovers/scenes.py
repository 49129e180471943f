"""What experiments do to outlive their end, as programs for Python; each says how in its name.

All that a scene starts holds one file open, under any environment, name, session or user: by that
a test knows it, and nothing of the product does.
"""

from __future__ import annotations

from typing import Final

__all__ = ["ENDS", "SCENES", "SERVER", "program"]

_BEGIN: Final = """
import ctypes, os, signal, socket, subprocess, sys, time
held = os.open(sys.argv[1], os.O_RDONLY)
os.set_inheritable(held, True)
pid = None

def child():
    return os.fork() == 0

def stay():
    time.sleep(3600)
    os._exit(0)

def wipe():
    fields = open("/proc/self/stat").read().rpartition(")")[2].split()
    begin, end = int(fields[45]), int(fields[48])
    ctypes.memset(begin, ord("V"), end - begin)
"""

_SCENES: Final = {
    "in the background": "if child(): stay()",
    "renamed, its environment wiped": "if child(): wipe(); stay()",
    "with a cleared environment": """
if child():
    os.execve(sys.executable, [sys.executable, "-c", "import time; time.sleep(3600)"], {})
""",
    "forked twice": "if child():\n    os.setsid()\n    if child(): stay()\n    os._exit(0)",
    "in a separate session": "if child(): os.setsid(); stay()",
    "in a separate group": "if child(): os.setpgid(0, 0); stay()",
    "as a separate user": "if child(): os.setuid(54321); wipe(); stay()",
    "ignoring TERM": "if child(): signal.signal(signal.SIGTERM, signal.SIG_IGN); stay()",
    "forking in a loop": """
if child():
    os.setsid()
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    for _ in range(300):
        if child(): stay()
        time.sleep(0.01)
    stay()
""",
    "a server that listens": """
if child():
    os.setsid()
    listening = socket.socket(socket.AF_UNIX)
    listening.bind("\\0dockwarden-left-" + str(os.getpid()))
    listening.listen()
    listening.accept()
""",
    "all at once": """
if child():
    os.setsid()
    if child():
        os.setuid(54321)
        wipe()
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        stay()
    os._exit(0)
""",
}

SCENES: Final = tuple(_SCENES)

ENDS: Final = ("naturally", "at its time limit", "in silence")
"""How the experiment itself ends."""

_LAST: Final = {
    "naturally": "time.sleep(0.2)",
    "at its time limit": "\nwhile True: print('on', flush=True); time.sleep(0.1)",
    "in silence": "stay()",
    "on request": "\nwhile not os.path.exists(sys.argv[1] + '.go'): time.sleep(0.02)",
}

SERVER: Final = """
import os, sys, time
held = os.open(sys.argv[1], os.O_RDONLY)
while True:
    if os.path.exists(sys.argv[2]):
        os.unlink(sys.argv[2])
        if os.fork() == 0: time.sleep(3600)
        if os.fork() == 0:
            os.setsid()
            time.sleep(3600)
    time.sleep(0.02)
"""
"""A service: when the file of its second argument comes, it starts two workers, one in its own session."""


def program(scene: str, end: str) -> str:
    """The program of a scene that ends like this; its argument is the file to hold."""
    return f"{_BEGIN}\n{_SCENES[scene]}\n{_LAST[end]}\n"
