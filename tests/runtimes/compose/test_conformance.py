"""The compose runtime makes, restarts and removes containers as every runtime must.

Everything else is the docker runtime's own code, which passes the suite; ``make conformance`` runs all of it.
"""

import pytest

from engine.testing.conformance import ContainerBehaviour
from tests.runtimes.harnesses import ComposeHarness


@pytest.mark.docker
@pytest.mark.usefixtures("engine")
class TestComposeRuntime(ComposeHarness):
    test_runs = ContainerBehaviour.test_a_launched_service_runs
    test_relaunch = ContainerBehaviour.test_a_relaunched_service_runs_under_a_new_identity
    test_after_an_end = ContainerBehaviour.test_a_service_that_ended_can_be_relaunched
    test_ended = ContainerBehaviour.test_a_service_whose_main_process_died_is_not_ready
    test_healthy = ContainerBehaviour.test_a_service_is_ready_once_its_health_check_passes
    test_one_shot = ContainerBehaviour.test_a_one_shot_service_is_waited_for
    test_remove = ContainerBehaviour.test_remove_ends_what_runs_and_can_be_repeated
    test_siblings = ContainerBehaviour.test_remove_leaves_siblings_alone
    test_again = ContainerBehaviour.test_a_removed_service_can_be_launched_again
    test_sweep = ContainerBehaviour.test_sweep_leaves_nothing_to_name
