"""Files that are written into a container before it starts, as the archive that the engine takes."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterable

from engine.model.spec import InjectedFile

__all__ = ["archive"]


def archive(files: Iterable[InjectedFile]) -> bytes:
    """A tar archive of these files, to be put at the root of a container's file system."""
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w") as tar:
        for file in files:
            content = file.content.encode()
            entry = tarfile.TarInfo(file.target.lstrip("/"))
            entry.size, entry.mode = len(content), file.mode
            entry.uid, entry.gid = file.uid, file.gid
            tar.addfile(entry, io.BytesIO(content))
    return written.getvalue()
