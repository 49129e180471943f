"""Reading docker-compose.yml: files to a typed project, without any engine.

The way of a file: YAML (:mod:`.files`), variables (:mod:`.variables`), the official schema
(:mod:`.schema`), short forms written out (:mod:`.canonical`), files merged (:mod:`.merge`), and each
service typed (:mod:`.services`). Every finding is a :class:`engine.errors.ComposeError` that names the
file, the service and the key.
"""

from engine.compose.digest import config_digest
from engine.compose.order import needed
from engine.compose.project import load_project

__all__ = ["config_digest", "load_project", "needed"]
