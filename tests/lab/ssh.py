"""The lab's engine behind a separate SSH server, on this machine's loopback."""

from __future__ import annotations

import getpass
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from .engine import Engine
from .packages import SYSTEM_PATH, find_program

__all__ = ["SshUnavailable", "behind_ssh"]

_PRIVILEGES = Path("/run/sshd")
"""Where sshd, started as root, keeps nothing; Debian makes it when the service starts."""


class SshUnavailable(Exception):
    """There is no SSH server to be had."""


@contextmanager
def behind_ssh(engine: Engine, home: Path) -> Iterator[Mapping[str, str]]:
    """An SSH server for this user alone, with separate keys, that leads to the engine.

    Args:
        home: a folder that does not exist; a client with this home finds its key and the server's in it.

    Yields:
        the variables by which a client gets there.

    Raises:
        SshUnavailable: the server is not installed, or does not start.
    """
    sshd = shutil.which("sshd", path=SYSTEM_PATH)
    if sshd is None or shutil.which("ssh-keygen", path=SYSTEM_PATH) is None:
        raise SshUnavailable("sshd is not installed (on Debian: apt-get install openssh-server)")
    if os.geteuid() == 0:
        _PRIVILEGES.mkdir(mode=0o755, exist_ok=True)
    own = home / ".ssh"
    own.mkdir(parents=True, mode=0o700)
    for key in ("host", "identity"):
        generate = [
            find_program("ssh-keygen"),
            "-q",
            "-t",
            "ed25519",
            "-N",
            "",
            "-f",
            str(own / key),
        ]
        subprocess.run(generate, check=True)
    port = _free_port()
    name = f"[127.0.0.1]:{port}"
    (own / "known_hosts").write_text(f"{name} {(own / 'host.pub').read_text()}")
    (own / "config").write_text(f"Host 127.0.0.1\n    IdentityFile {own / 'identity'}\n")
    settings = own / "sshd_config"
    settings.write_text(
        f"""ListenAddress 127.0.0.1
Port {port}
HostKey {own / "host"}
AuthorizedKeysFile {own / "identity.pub"}
AllowUsers {getpass.getuser()}
PasswordAuthentication no
KbdInteractiveAuthentication no
PidFile none
StrictModes no
UsePAM no
SetEnv DOCKER_HOST=unix://{engine.socket} PATH={SYSTEM_PATH}
"""
    )
    argv = [sshd, "-D", "-e", "-f", str(settings)]
    with subprocess.Popen(argv, stderr=subprocess.PIPE, text=True) as server:
        try:
            assert server.stderr is not None
            said = server.stderr.readline()
            if "listening" not in said:
                raise SshUnavailable(f"sshd does not start: {said.strip()}")
            host = f"ssh://{getpass.getuser()}@127.0.0.1:{port}"
            yield {"DOCKER_HOST": host, "HOME": str(home)}
        finally:
            server.terminate()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
        return port
