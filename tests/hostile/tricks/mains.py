"""What the main process of a container does, all the time, while experiments run in it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from attrs import field, frozen

__all__ = ["MAINS", "Main"]

_LOOP: Final = """
import ctypes, os, shutil, socket, stat, time
spool, out = "/run/dockwarden", os.environ["out"]
libc = ctypes.CDLL(None)
FILES = ("stdout", "stderr", "exit_code", "started")

def swap(one, other):
    # RENAME_EXCHANGE, of paths relative to the working directory
    libc.renameat2(-100, os.fsencode(one), -100, os.fsencode(other), 2)

def mount(source, target, kind=None, flags=0, options=None):
    assert libc.mount(source.encode(), target.encode(), kind and kind.encode(), flags, options) == 0

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
        looks: whether its backend's GPUs are checked.
        keys: what its service has besides in the compose file; ``{uid}`` is the controller's user.
        writes_bytes: how much each experiment beside it writes.
    """

    name: str
    does: str
    body: str
    pause_s: float = 0.0005
    looks: bool = False
    keys: Mapping[str, Any] = field(factory=dict)
    writes_bytes: int = 0

    @property
    def can_be_left(self) -> bool:
        """Whether an ordinary experiment can leave it running."""
        return not self.looks and not self.keys

    @property
    def command(self) -> list[str]:
        """The argument vector of the container's main process."""
        body = "\n        ".join(self.body.strip().splitlines())
        return [
            "python3",
            "-c",
            _LOOP.replace("{body}", body).replace("{pause}", str(self.pause_s)),
        ]


_PRIVILEGED: Final = {
    "cap_add": ["SYS_ADMIN"],
    "security_opt": ["apparmor=unconfined", "seccomp=unconfined"],
}
"""What it takes to mount; ``privileged: true`` would take more than a lab may have to give."""

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
        "gives all new entries to another user, and closes them",
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
        "puts links in the place of the GPU checks' files",
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
        "puts pipes in the place of the GPU checks' files",
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
    Main(
        "shell-that-waits",
        "puts a program that never ends in the place of the shell",
        """
with open("/bin/.sh", "w") as shell:
    shell.write("#!/usr/bin/python3\\nimport time\\ntime.sleep(10**6)\\n")
os.chmod("/bin/.sh", 0o755)
os.rename("/bin/.sh", "/bin/sh")
""",
    ),
    Main(
        "stops-everything",
        "stops every other process in its container, those that would end it included",
        """
for pid in os.listdir("/proc"):
    if pid.isdigit() and int(pid) not in (1, os.getpid()):
        os.kill(int(pid), 19)
""",
    ),
    Main(
        "kills-everything",
        "kills every other process in its container",
        """
for pid in os.listdir("/proc"):
    if pid.isdigit() and int(pid) not in (1, os.getpid()):
        os.kill(int(pid), 9)
""",
    ),
    Main(
        "flickering-copies",
        "exchanges each folder with another one that holds forged files, to and fro, while much is copied",
        """
for name in folders():
    aside = f"{spool}/aside-{name}"
    if not os.path.lexists(aside):
        os.mkdir(aside)
        for file in FILES:
            with open(f"{aside}/{file}", "w") as forged:
                forged.write("0\\n")
    for _ in range(50):
        swap(f"{spool}/{name}", aside)
""",
        0,
        writes_bytes=20_000_000,
    ),
    Main(
        "flickering-copied-files",
        "exchanges each file with a forged one, to and fro, while much is copied",
        """
for name in folders():
    for file in FILES:
        aside = f"{spool}/aside-{name}-{file}"
        if not os.path.lexists(aside):
            with open(aside, "w") as forged:
                forged.write("0\\n")
        for _ in range(25):
            swap(f"{spool}/{name}/{file}", aside)
""",
        0,
        writes_bytes=20_000_000,
    ),
    Main(
        "growing",
        "writes to each file without an end, and cuts it off",
        """
for name in folders():
    for file in FILES:
        with open(f"{spool}/{name}/{file}", "r+b") as opened:
            opened.seek(0, 2)
            if opened.tell() < 2**24:
                opened.write(b"x" * 2**20)
            else:
                opened.truncate(1)
""",
    ),
    Main(
        "mounts-over-folders",
        "mounts an empty file system over each folder",
        """
for name in folders():
    if not os.path.ismount(f"{spool}/{name}"):
        mount("hostile", f"{spool}/{name}", "tmpfs")
""",
        keys=_PRIVILEGED,
    ),
    Main(
        "mounts-over-spool",
        "mounts an empty file system over the shared folder, and takes it off again",
        """
mount("hostile", spool, "tmpfs")
time.sleep(0.02)
libc.umount2(spool.encode(), 2)
""",
        keys=_PRIVILEGED,
    ),
    Main(
        "binds-over-folders",
        "binds its folders over each folder, for all to share",
        """
os.makedirs("/own/folder", exist_ok=True)
mount("none", spool, flags=1 << 20 | 1 << 14)  # MS_SHARED, with all that is below
for name in folders():
    if not os.path.ismount(f"{spool}/{name}"):
        mount("/own/folder", f"{spool}/{name}", flags=1 << 12)  # MS_BIND
""",
        keys=_PRIVILEGED,
    ),
    Main(
        "binds-over-files",
        "binds its file over each file",
        """
open("/forged", "a").close()
for name in folders():
    for file in FILES:
        if not os.path.ismount(f"{spool}/{name}/{file}"):
            mount("/forged", f"{spool}/{name}/{file}", flags=1 << 12)
""",
        keys=_PRIVILEGED,
    ),
    Main(
        "overlays",
        "lays its folders over the shared folder, so that what is written goes elsewhere",
        """
if not os.path.ismount("/own"):
    os.makedirs("/own", exist_ok=True)
    mount("hostile", "/own", "tmpfs")
    os.makedirs("/own/upper"), os.makedirs("/own/work")
mount("hostile", spool, "overlay", 0, f"lowerdir={spool},upperdir=/own/upper,workdir=/own/work".encode())
time.sleep(0.05)
libc.umount2(spool.encode(), 2)
""",
        keys=_PRIVILEGED,
    ),
    Main(
        "owners-by-the-same-user",
        "closes all that comes to be, as the very user who runs the controller",
        """
for path in (*(f"{spool}/{name}" for name in folders()), spool):
    os.chmod(path, 0)
""",
        keys={"user": "{uid}:{uid}"},
    ),
    Main(
        "links-by-the-same-user",
        "puts links in the place of all folders, as the very user who runs the controller",
        """
for name in folders():
    if not os.path.islink(f"{spool}/{name}"):
        os.symlink(f"{out}/private", f"{spool}/aside-link-{name}")
        swap(f"{spool}/{name}", f"{spool}/aside-link-{name}")
""",
        keys={"user": "{uid}:{uid}"},
    ),
    Main(
        "another-user",
        "tries all of it as an unknown user",
        """
for name in folders():
    for file in FILES:
        try:
            os.truncate(f"{spool}/{name}/{file}", 0)
        except OSError:
            pass
    for attempt in (
        lambda: os.chmod(f"{spool}/{name}", 0),
        lambda: os.symlink(f"{out}/secret", f"{spool}/{name}/link"),
        lambda: os.rename(f"{spool}/{name}", f"{spool}/aside-{name}"),
    ):
        try:
            attempt()
        except OSError:
            pass
""",
        keys={"user": "4242:4242"},
    ),
)
