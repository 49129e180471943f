"""An engine beside the shared one, for who restarts it or changes its configuration."""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from unittest.mock import patch

from .engine import Engine
from .lab import ensure_up, take_down
from .layout import LAB_DIR_VARIABLE, LAB_ENGINE_VARIABLE, Layout, current_layout

__all__ = ["own_engine"]


@contextmanager
def own_engine(name: str, options: Mapping[str, object]) -> Iterator[Engine]:
    """Bring up another lab, which is the current one within the block, and take it down after it.

    Args:
        name: of its folder, below that of the shared lab.
        options: what its daemon.json has besides.

    Raises:
        LabUnavailable: A private engine cannot be had on this machine; the text says why.
    """
    shared = current_layout()
    own = Layout(shared.base_dir / name, shared.engine)
    own.lab_dir.mkdir(parents=True, exist_ok=True)
    own.daemon_options.write_text(json.dumps(options))
    shared.cache_dir.mkdir(parents=True, exist_ok=True)  # this may be the first lab of all
    if not own.cache_dir.exists():
        own.cache_dir.symlink_to(shared.cache_dir)
    chosen = {LAB_DIR_VARIABLE: str(own.base_dir), LAB_ENGINE_VARIABLE: own.engine}
    with patch.dict(os.environ, chosen):
        try:
            yield ensure_up()
        finally:
            take_down()
