"""Imported by a running watchdog of version 0.1 when its controller has died."""

from engine.watchdog.cleanup import Hand, clear, clear_after

__all__ = ["Hand", "clear", "clear_after"]
