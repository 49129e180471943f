"""The conformance suite of runtimes, to subclass.

Example:
    A test file of a runtime reads::

        class TestMyRuntime(RuntimeConformance):
            async def make_runtime(self, project: Project) -> Runtime:
                return MyRuntime(project)

            async def kill_main_process(self, container: Container) -> None:
                os.kill(pid_of(container), signal.SIGKILL)

    Everything that a test starts is removed after it. The scripts need ``sh``, ``sleep`` and
    ``python3`` wherever the runtime runs them, unless ``spell`` is filled.
"""

from __future__ import annotations

import pytest

# Before they are imported, so that a failed assertion shows its values, as in a test file.
pytest.register_assert_rewrite(
    "engine.testing.conformance.adoption",
    "engine.testing.conformance.commands",
    "engine.testing.conformance.containers",
    "engine.testing.conformance.handing_back",
)

from engine.testing.conformance.adoption import AdoptionBehaviour  # noqa: E402 - see above
from engine.testing.conformance.commands import CommandBehaviour  # noqa: E402
from engine.testing.conformance.containers import ContainerBehaviour  # noqa: E402
from engine.testing.conformance.handing_back import HandingBackBehaviour  # noqa: E402
from engine.testing.conformance.harness import scenario  # noqa: E402

__all__ = [
    "AdoptionBehaviour",
    "CommandBehaviour",
    "ContainerBehaviour",
    "HandingBackBehaviour",
    "RuntimeConformance",
    "scenario",
]


class RuntimeConformance(ContainerBehaviour, CommandBehaviour, HandingBackBehaviour):
    """Subclass this in a test file, under a name that begins with ``Test``.

    The hooks to fill, or to change, are those of :class:`engine.testing.conformance.harness.Harness`:
    ``make_runtime`` and ``kill_main_process``; ``image``, ``project_name``, ``services``, ``spell`` and
    ``loop_factory``. A runtime whose containers outlive their controller has :class:`AdoptionBehaviour` to
    pass as well, which has one hook more: ``make_runtime_of``.
    """
