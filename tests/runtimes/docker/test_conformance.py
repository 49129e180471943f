"""The docker runtime passes the suite that every runtime must pass, on a real engine."""

import pytest

from engine.testing.conformance import AdoptionBehaviour, RuntimeConformance
from tests.runtimes.harnesses import DockerHarness


@pytest.mark.docker
@pytest.mark.usefixtures("engine")
class TestDockerRuntime(DockerHarness, RuntimeConformance, AdoptionBehaviour):
    pass
