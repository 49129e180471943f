"""A private Docker engine for the tests; see the README beside this file.

The standard library is all it needs, because it may run before the project's environment exists.
"""

from .base_image import BASE_IMAGE
from .engine import Engine
from .errors import LabError, LabFailed, LabUnavailable
from .lab import ensure_up, is_up, restart_engine, socket_path, take_down
from .own import own_engine

__all__ = [
    "BASE_IMAGE",
    "Engine",
    "LabError",
    "LabFailed",
    "LabUnavailable",
    "ensure_up",
    "is_up",
    "own_engine",
    "restart_engine",
    "socket_path",
    "take_down",
]
