"""The whole suite, for each way to use an engine; ``make conformance`` runs it, it takes some minutes.

``make test`` runs of it what could differ: how Compose makes containers, how output comes from afar.
"""

import pytest

from engine.testing.conformance import AdoptionBehaviour, RuntimeConformance
from tests.runtimes.harnesses import ComposeHarness, DockerHarness, Elsewhere


@pytest.mark.docker
@pytest.mark.usefixtures("engine")
class TestComposeRuntime(ComposeHarness, RuntimeConformance, AdoptionBehaviour):
    pass


@pytest.mark.docker
class TestDockerRuntimeElsewhere(Elsewhere, DockerHarness, RuntimeConformance):
    pass


@pytest.mark.docker
class TestComposeRuntimeElsewhere(Elsewhere, ComposeHarness, RuntimeConformance):
    pass
