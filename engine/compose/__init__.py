"""Reading docker-compose.yml: files to a typed project, without any engine.

The way of a file: YAML (:mod:`.files`), variables (:mod:`.variables`), the official schema
(:mod:`.schema`), short forms written out (:mod:`.normalize`), files merged (:mod:`.merge`), and each
service typed (:mod:`.services`). Every finding is a :class:`engine.errors.ComposeError` that names the
file, the service and the key.

Where this differs from real Compose, on purpose:

- A key that our own runtime cannot honour, and a file under ``env_file`` that is missing, matter only to
  who needs the service (:func:`needed`).
- Variables in ``x-`` sections at the top are ignored, so a required one there stops nothing.
- A date stays as it was written; Compose prints Go's long form of it.
- Windows paths are refused, and so is the short form of a volume whose name is one letter.
- ``volumes_from: [service:ro]`` is read-only.
- ``init`` is on unless a file says otherwise, and ``restart`` is overridden, with a warning.
- ``include`` is refused.
"""

from engine.compose.digest import config_digest
from engine.compose.order import needed
from engine.compose.project import load_project

__all__ = ["config_digest", "load_project", "needed"]
