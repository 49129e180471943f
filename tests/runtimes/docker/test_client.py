"""What the SDK says when no engine can be used, in words that help."""

import http.server
import ssl
import subprocess
import threading
from contextlib import closing
from pathlib import Path

import docker.errors
import pytest

from engine.errors import RuntimeUnavailable
from engine.runtimes.docker.daemon.client import connect

SAID = "Error while fetching server API version: ('Connection aborted.', {})"


@pytest.mark.parametrize(
    ("cause", "fix"),
    [
        ("PermissionError(13, 'Permission denied')", "add yourself to the group 'docker'"),
        ("FileNotFoundError(2, 'No such file or directory')", "start the engine"),
        ("ConnectionRefusedError(111, 'Connection refused')", "check DOCKER_HOST"),
    ],
)
def test_no_engine(monkeypatch: pytest.MonkeyPatch, cause: str, fix: str) -> None:
    def refuse(**_: object) -> None:
        raise docker.errors.DockerException(SAID.format(cause))

    monkeypatch.setattr("engine.runtimes.docker.daemon.client._Client", refuse)
    with pytest.raises(RuntimeUnavailable, match=fix) as caught:
        connect()
    assert "use the process runtime" in str(caught.value) or "rootless" in str(caught.value)


def test_an_engine_with_its_own_authority_is_trusted_whatever_the_web_is_verified_by(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("ca", "other"):
        key = "key" if name == "ca" else "other-key"
        subject = ["-subj", f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1"]
        made = ["-keyout", str(tmp_path / f"{key}.pem"), "-out", str(tmp_path / f"{name}.pem")]
        new = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", *subject, *made]
        subprocess.run(new, check=True, capture_output=True)
    (tmp_path / "cert.pem").write_bytes((tmp_path / "ca.pem").read_bytes())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
    with http.server.HTTPServer(("127.0.0.1", 0), _Version) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "other.pem"))
        engine = {
            "DOCKER_HOST": f"tcp://127.0.0.1:{server.server_port}",
            "DOCKER_TLS_VERIFY": "1",
            "DOCKER_CERT_PATH": str(tmp_path),
        }
        with closing(connect(engine)) as client:
            assert client.version()["ApiVersion"] == "1.41"
        server.shutdown()


class _Version(http.server.BaseHTTPRequestHandler):
    """Answers every request with the version of an engine's API."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(b'{"ApiVersion": "1.41"}')

    def log_message(self, *_: object) -> None:
        """Say nothing."""
