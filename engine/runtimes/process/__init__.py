"""The process runtime: each backend is a local session of processes, and no container engine is needed."""

from engine.runtimes.process.runtime import ProcessRuntime

__all__ = ["ProcessRuntime"]
