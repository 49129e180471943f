"""What the SDK says when no engine can be used, in words that help."""

import docker
import docker.errors
import pytest

from engine.errors import RuntimeUnavailable
from engine.runtimes.docker.client import connect

SAID = "Error while fetching server API version: ('Connection aborted.', {})"


@pytest.mark.parametrize(
    ("cause", "mend"),
    [
        ("PermissionError(13, 'Permission denied')", "add yourself to the group 'docker'"),
        ("FileNotFoundError(2, 'No such file or directory')", "start the engine"),
        ("ConnectionRefusedError(111, 'Connection refused')", "check DOCKER_HOST"),
    ],
)
def test_no_engine(monkeypatch: pytest.MonkeyPatch, cause: str, mend: str) -> None:
    def refuse(**_: object) -> None:
        raise docker.errors.DockerException(SAID.format(cause))

    monkeypatch.setattr(docker, "from_env", refuse)
    with pytest.raises(RuntimeUnavailable, match=mend) as caught:
        connect()
    assert "use the process runtime" in str(caught.value) or "rootless" in str(caught.value)
