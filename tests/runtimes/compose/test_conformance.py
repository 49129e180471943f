"""The compose runtime makes containers that behave as those of every runtime must.

Commands in them are the docker runtime's own code, which passes the suite; ``make conformance`` runs all of it.
"""

import pytest

from engine.testing.conformance import ContainerBehaviour
from tests.runtimes.harnesses import ComposeHarness


@pytest.mark.docker
@pytest.mark.usefixtures("engine")
class TestComposeRuntime(ComposeHarness, ContainerBehaviour):
    pass
