"""The engine and our tables, held against the harness: everything that can happen has happened."""

from __future__ import annotations

from engine.testing.stateful import BackendSuite, LifecycleSuite
from states import BACKEND, EXPERIMENT


class TestExperiment(LifecycleSuite):
    lifecycle = EXPERIMENT


class TestBackendTable(LifecycleSuite):
    lifecycle = BACKEND


class TestBackend(BackendSuite):
    pass
