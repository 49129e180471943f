"""What the main process of a container does, all the time, while experiments run in it."""

from __future__ import annotations

from typing import Final

from attrs import frozen

__all__ = ["MAINS", "Main"]

_LOOP: Final = """
import ctypes, os, shutil, socket, stat, time
spool, out = "/run/dockwarden", os.environ["out"]
libc = ctypes.CDLL(None)
FILES = ("stdout", "stderr", "exit_code", "started")

def swap(one, other):
    # RENAME_EXCHANGE, of paths relative to the working directory
    libc.renameat2(-100, os.fsencode(one), -100, os.fsencode(other), 2)

def folders():
    return [one for one in os.listdir(spool) if not one.startswith("aside")]

while True:
    time.sleep({pause})
    try:
        {body}
    except Exception:
        pass
"""


@frozen
class Main:
    """A hostile main process.

    Attributes:
        does: in words.
        body: lines of Python that it runs again and again.
        pause_s: between two times.
        looks: whether its backend's GPUs are looked at.
    """

    name: str
    does: str
    body: str
    pause_s: float = 0.0005
    looks: bool = False

    @property
    def command(self) -> list[str]:
        """The argument vector of the container's main process."""
        body = "\n        ".join(self.body.strip().splitlines())
        return [
            "python3",
            "-c",
            _LOOP.replace("{body}", body).replace("{pause}", str(self.pause_s)),
        ]


MAINS: Final = (
    Main(
        "links-for-folders",
        "puts a link to a folder of the machine in the place of each folder, at once",
        """
for name in folders():
    if not os.path.islink(f"{spool}/{name}"):
        os.symlink(f"{out}/folder", f"{spool}/aside-link-{name}")
        swap(f"{spool}/{name}", f"{spool}/aside-link-{name}")
""",
    ),
    Main(
        "flickering-folders",
        "exchanges each folder with a link to one of the machine, to and fro",
        """
for name in folders():
    if not os.path.lexists(f"{spool}/aside-{name}"):
        os.symlink(f"{out}/folder", f"{spool}/aside-{name}")
    for _ in range(50):
        swap(f"{spool}/{name}", f"{spool}/aside-{name}")
""",
        0,
    ),
    Main(
        "flickering-files",
        "exchanges each file with a link to one of the machine, to and fro",
        """
for name in folders():
    for file in FILES:
        aside = f"{spool}/{name}/.{file}"
        if not os.path.lexists(aside):
            os.symlink(f"{out}/secret", aside)
        for _ in range(25):
            swap(f"{spool}/{name}/{file}", aside)
""",
        0,
    ),
    Main(
        "pipes-for-files",
        "puts a pipe in the place of each file, at once",
        """
for name in folders():
    for file in FILES:
        path = f"{spool}/{name}/{file}"
        if os.path.lexists(path) and not stat.S_ISFIFO(os.lstat(path).st_mode):
            os.mkfifo(f"{spool}/{name}/.{file}")
            os.rename(f"{spool}/{name}/.{file}", path)
""",
    ),
    Main(
        "places-taken",
        "has put links to a folder of the machine wherever a folder may come to be",
        """
for number in range(1, 40):
    for name in (f"look-{number}", *(f"{os.environ['service']}-{run}.{number}" for run in ("e1", "e2", "e3"))):
        if not os.path.lexists(f"{spool}/{name}"):
            os.symlink(f"{out}/folder", f"{spool}/{name}")
if not os.path.lexists(f"{spool}/.looks"):
    os.symlink(f"{out}/folder", f"{spool}/.looks")
""",
    ),
    Main(
        "sweeping",
        "removes all that comes to be",
        """
for name in folders():
    shutil.rmtree(f"{spool}/{name}", ignore_errors=True)
""",
    ),
    Main(
        "owners",
        "gives all that comes to be to another user, who lets nobody in",
        """
for path in (spool, *(f"{spool}/{name}" for name in folders())):
    os.chown(path, 4242, 4242)
    os.chmod(path, 0o700)
""",
    ),
    Main(
        "second-names",
        "keeps a second name of each file, and writes to it when it has been collected",
        """
for name in folders():
    for file in FILES:
        kept = f"{spool}/aside-{name}-{file}"
        if not os.path.lexists(kept):
            os.link(f"{spool}/{name}/{file}", kept)
for kept in os.listdir(spool):
    if kept.startswith("aside") and not os.path.lexists(f"{spool}/{kept.split('-', 1)[1].rsplit('-', 1)[0]}"):
        with open(f"{spool}/{kept}", "a") as late:
            late.write("late\\n")
""",
    ),
    Main(
        "open-files",
        "keeps each file open, and writes to it when it has been collected",
        """
held = globals().setdefault("held", {})
for name in folders():
    for file in ("stdout", "stderr"):
        path = f"{spool}/{name}/{file}"
        if path not in held:
            held[path] = open(path, "a")
for path, late in held.items():
    if not os.path.exists(path):
        late.write("late\\n")
        late.flush()
""",
    ),
    Main(
        "looks-linked",
        "puts links in the place of what looks at the GPUs write",
        """
for root in (spool, f"{spool}/.looks"):
    for name in os.listdir(root) if os.path.isdir(root) else ():
        if name.startswith("look"):
            for file in FILES:
                path = f"{root}/{name}/{file}"
                if os.path.isfile(path) and not os.path.islink(path):
                    os.symlink(f"{out}/secret", f"{root}/{name}/.{file}")
                    os.rename(f"{root}/{name}/.{file}", path)
""",
        looks=True,
    ),
    Main(
        "looks-piped",
        "puts pipes in the place of what looks at the GPUs write",
        """
for root in (spool, f"{spool}/.looks"):
    for name in os.listdir(root) if os.path.isdir(root) else ():
        if name.startswith("look"):
            path = f"{root}/{name}/stdout"
            if os.path.lexists(path) and not stat.S_ISFIFO(os.lstat(path).st_mode):
                os.mkfifo(f"{root}/{name}/.pipe")
                os.rename(f"{root}/{name}/.pipe", path)
""",
        looks=True,
    ),
    Main(
        "shell-replaced",
        "puts a program that does nothing in the place of the shell",
        """
if not os.path.islink("/bin/sh") or os.readlink("/bin/sh") != "/bin/true":
    os.symlink("/bin/true", "/bin/.sh")
    os.rename("/bin/.sh", "/bin/sh")
""",
    ),
)
