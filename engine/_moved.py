"""Modules under the names that they had in version 0.1, so that imports written then go on working.

What is given is the module itself, not a copy: a class has one identity under both names. The finder comes
first, since a submodule of a package with two names would otherwise be loaded once for each.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Final

__all__ = ["MOVED", "install"]

MOVED: Final = {
    "engine.aftermath": "engine.backend.leftovers",
    "engine.attention": "engine.backend.monitor",
    "engine.campaign.attempt": "engine.campaign.execution.attempt",
    "engine.campaign.course": "engine.campaign.resumption.replay",
    "engine.campaign.digests": "engine.campaign.persistence.fingerprints",
    "engine.campaign.document": "engine.campaign.config.document",
    "engine.campaign.ending": "engine.campaign.execution.shutdown",
    "engine.campaign.estimates": "engine.campaign.planning.estimates",
    "engine.campaign.eta": "engine.campaign.planning.eta",
    "engine.campaign.fleet": "engine.campaign.execution.backend_pool",
    "engine.campaign.format": "engine.campaign.config.format",
    "engine.campaign.inheritance": "engine.campaign.execution.handover",
    "engine.campaign.ledger": "engine.campaign.persistence.recorder",
    "engine.campaign.load": "engine.campaign.config.load",
    "engine.campaign.plan": "engine.campaign.runs.plan",
    "engine.campaign.progress": "engine.campaign.runs.progress",
    "engine.campaign.records": "engine.campaign.persistence.results",
    "engine.campaign.rehearsal": "engine.campaign.simulation",
    "engine.campaign.resume": "engine.campaign.resumption.resume",
    "engine.campaign.runner": "engine.campaign.execution.runner",
    "engine.campaign.scene": "engine.campaign.snapshot",
    "engine.campaign.secrecy": "engine.campaign.config.secrets",
    "engine.campaign.section": "engine.campaign.config.sections",
    "engine.campaign.standing": "engine.campaign.resumption.resume_point",
    "engine.campaign.summary": "engine.campaign.runs.summary",
    "engine.campaign.unbegun": "engine.campaign.persistence.unused_folder",
    "engine.campaign.values": "engine.campaign.config.values",
    "engine.campaign.written": "engine.campaign.persistence.attempt_output",
    "engine.claims": "engine.ownership.leases",
    "engine.cli.blocks": "engine.cli.output.markdown_blocks",
    "engine.cli.checks": "engine.cli.doctor_checks",
    "engine.cli.claims": "engine.cli.verify_targets",
    "engine.cli.completion": "engine.cli.commands.completion",
    "engine.cli.conduct": "engine.cli.session",
    "engine.cli.diagram": "engine.cli.commands.diagram",
    "engine.cli.doctor": "engine.cli.commands.doctor",
    "engine.cli.down": "engine.cli.commands.down",
    "engine.cli.exits": "engine.cli.exit_codes",
    "engine.cli.file_notes": "engine.cli.output.file_messages",
    "engine.cli.graphviz": "engine.cli.output.graphviz",
    "engine.cli.history": "engine.cli.commands.history",
    "engine.cli.lifecycles": "engine.control.lifecycles",
    "engine.cli.lines": "engine.cli.output.plain_progress",
    "engine.cli.live": "engine.cli.output.live",
    "engine.cli.notes": "engine.cli.output.messages",
    "engine.cli.picture": "engine.cli.output.dashboard",
    "engine.cli.reap": "engine.cli.commands.reap",
    "engine.cli.rehearse": "engine.cli.simulate",
    "engine.cli.report": "engine.cli.commands.report",
    "engine.cli.run": "engine.cli.commands.run",
    "engine.cli.status": "engine.cli.commands.status",
    "engine.cli.unread": "engine.cli.output.closed_pipe",
    "engine.cli.verify": "engine.cli.commands.verify",
    "engine.cli.view": "engine.cli.output.view",
    "engine.cli.watch": "engine.cli.commands.watch",
    "engine.clock": "engine.util.clock",
    "engine.collected": "engine.backend.output",
    "engine.dispatch": "engine.backend.execution",
    "engine.futures": "engine.util.futures",
    "engine.gpu": "engine.health.gpu",
    "engine.gpu.baseline": "engine.health.gpu.baseline",
    "engine.gpu.judge": "engine.health.gpu.rules",
    "engine.gpu.policy": "engine.health.gpu",
    "engine.gpu.reading": "engine.health.gpu.reading",
    "engine.gpu.smi": "engine.health.gpu.nvidia_smi",
    "engine.gpu.status": "engine.health.gpu.status",
    "engine.gpu.streak": "engine.health.gpu.streak",
    "engine.gpu.verdict": "engine.health.gpu.verdict",
    "engine.growth": "engine.backend.output_limit",
    "engine.health.container": "engine.health.diagnosis",
    "engine.health.policy": "engine.policy.health",
    "engine.health.watch": "engine.health.gpu_check",
    "engine.heritage": "engine.backend.handover",
    "engine.in_flight": "engine.control.calls_in_flight",
    "engine.keep_alive": "engine.policy.keep_alive",
    "engine.leash.companion": "engine.watchdog.process",
    "engine.leash.hold": "engine.watchdog.hold",
    "engine.loop_thread": "engine.control.loop_thread",
    "engine.machine": "engine.backend.machine",
    "engine.names": "engine.util.names",
    "engine.opening": "engine.control.runtime_session",
    "engine.owner": "engine.ownership.owner",
    "engine.plain_file": "engine.util.regular_file",
    "engine.printable": "engine.util.printable",
    "engine.record": "engine.model.results",
    "engine.runtimes.belonging": "engine.runtimes.process_ownership",
    "engine.runtimes.choose": "engine.runtimes.selection",
    "engine.runtimes.docker.adoption": "engine.runtimes.docker.ownership.adoption",
    "engine.runtimes.docker.archive": "engine.runtimes.docker.daemon.archive",
    "engine.runtimes.docker.body": "engine.runtimes.docker.containers.body",
    "engine.runtimes.docker.census": "engine.runtimes.docker.ownership.inventory",
    "engine.runtimes.docker.checkup": "engine.runtimes.docker.diagnostics",
    "engine.runtimes.docker.cli_config": "engine.runtimes.docker.daemon.cli_config",
    "engine.runtimes.docker.client": "engine.runtimes.docker.daemon.client",
    "engine.runtimes.docker.conditions": "engine.runtimes.docker.containers.conditions",
    "engine.runtimes.docker.deaths": "engine.runtimes.docker.daemon.reported_deaths",
    "engine.runtimes.docker.endpoint": "engine.runtimes.docker.daemon.endpoint",
    "engine.runtimes.docker.events": "engine.runtimes.docker.daemon.events",
    "engine.runtimes.docker.execs": "engine.runtimes.docker.commands.execs",
    "engine.runtimes.docker.guests": "engine.runtimes.docker.compose_adoption",
    "engine.runtimes.docker.host_config": "engine.runtimes.docker.containers.host_config",
    "engine.runtimes.docker.images": "engine.runtimes.docker.containers.images",
    "engine.runtimes.docker.inject": "engine.runtimes.docker.containers.inject",
    "engine.runtimes.docker.leftovers": "engine.runtimes.docker.commands.leftovers",
    "engine.runtimes.docker.maker": "engine.runtimes.docker.containers.provisioner",
    "engine.runtimes.docker.members": "engine.runtimes.docker.commands.members",
    "engine.runtimes.docker.naming": "engine.runtimes.docker.containers.naming",
    "engine.runtimes.docker.output": "engine.runtimes.docker.commands.output",
    "engine.runtimes.docker.patience": "engine.runtimes.docker.daemon.retrying",
    "engine.runtimes.docker.payload": "engine.runtimes.docker.containers.payload",
    "engine.runtimes.docker.provenance": "engine.runtimes.docker.containers.provenance",
    "engine.runtimes.docker.proxies": "engine.runtimes.docker.daemon.proxies",
    "engine.runtimes.docker.resources": "engine.runtimes.docker.containers.resources",
    "engine.runtimes.docker.sdk_maker": "engine.runtimes.docker.sdk_provisioner",
    "engine.runtimes.docker.sight": "engine.runtimes.docker.commands.shared_filesystem",
    "engine.runtimes.docker.start_errors": "engine.runtimes.docker.containers.start_errors",
    "engine.runtimes.docker.stop": "engine.runtimes.docker.containers.stop",
    "engine.runtimes.health_check": "engine.runtimes.health_gate",
    "engine.runtimes.inside": "engine.runtimes.in_container",
    "engine.runtimes.inside.gpu_probe": "engine.runtimes.in_container.gpu_probe",
    "engine.runtimes.noted": "engine.runtimes.exit_status",
    "engine.runtimes.proc": "engine.util.procfs",
    "engine.runtimes.process.census": "engine.runtimes.process.inventory",
    "engine.runtimes.process.host": "engine.runtimes.process.service",
    "engine.runtimes.simulated.line": "engine.runtimes.simulated.connection",
    "engine.runtimes.simulated.world": "engine.runtimes.simulated.daemon",
    "engine.secrets": "engine.util.redaction",
    "engine.spec": "engine.model.spec",
    "engine.startup": "engine.control.startup",
    "engine.stream": "engine.control.transition_stream",
    "engine.testing.adoption_behaviour": "engine.testing.conformance.adoption",
    "engine.testing.clock": "engine.util.virtual_clock",
    "engine.testing.command_behaviour": "engine.testing.conformance.commands",
    "engine.testing.commands": "engine.testing.conformance.scripts",
    "engine.testing.container_behaviour": "engine.testing.conformance.containers",
    "engine.testing.harness": "engine.testing.conformance.harness",
    "engine.testing.ordered": "engine.testing.scripted_faults",
    "engine.testing.rig": "engine.testing.conformance.rig",
    "engine.testing.stateful.books": "engine.testing.stateful.budget_oracle",
    "engine.testing.stateful.prediction": "engine.testing.stateful.reference_model",
    "engine.testing.stateful.scene": "engine.testing.stateful.harness",
    "engine.testing.stateful.tour": "engine.testing.stateful.edge_driver",
    "engine.testing.stateful.witness": "engine.testing.stateful.oracle",
    "engine.use": "engine.control.usability",
}
"""The old name of each module, and the new one."""


class _Alias(Loader):
    """Gives a module under a second name."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._spec: ModuleSpec | None = None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        module = import_module(self._name)
        self._spec = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        # The import system has just written the old name's spec into the module.
        module.__spec__ = self._spec


class _Moved(MetaPathFinder):
    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None = None,
        target: ModuleType | None = None,
    ) -> ModuleSpec | None:
        new = MOVED.get(fullname)
        if new is None:
            parent, _, name = fullname.rpartition(".")
            if parent not in MOVED:
                return None
            new = f"{MOVED[parent]}.{name}"
        return ModuleSpec(fullname, _Alias(new))


def install() -> None:
    """Let the old names be found; harmless when repeated."""
    if not any(isinstance(finder, _Moved) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Moved())
