"""What an image brings: labels that speak for others, a health check and a main process that say much."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from typing import Any, Final

from attrs import field, frozen

from tests.hostile.tricks.words import SAID

__all__ = ["IMAGES", "Image"]


@frozen
class Image:
    """A hostile image.

    Attributes:
        does: in words.
        labels: that it has. ``{out}`` is the markers' folder on the machine, ``{project}`` the play's project.
        changes: further instructions, as in a Dockerfile; ``{first}`` is the slot of its first experiment.
        command: of its container; None for one that keeps it up.
        given_up: why its backend may be given up, as a regular expression; empty where its experiments complete.
        backend: what its backend has besides in the campaign file.
    """

    name: str
    does: str
    labels: Mapping[str, str] = field(factory=dict)
    changes: tuple[str, ...] = ()
    command: tuple[str, ...] | None = None
    given_up: str = ""
    backend: Mapping[str, Any] = field(factory=dict)


_UNFIT: Final[dict[str, Any]] = {"max_restarts": 1, "ready_within": "15s"}
_FAILING: Final = "its health check"
_CLAIM: Final = "{out}/folder/dockwarden/claims/0123456789abcdef0123456789abcdef"
_OURS: Final = {
    "dockwarden.project": "{project}",
    "dockwarden.container": "{project}-{service}-1",
    "dockwarden.made": "0123456789abcdef0123456789abcdef",
    "dockwarden.claim": _CLAIM,
    "dockwarden.spec": "0123456789abcdef",
    "com.docker.compose.project.working_dir": "{out}/folder",
    "com.docker.compose.project.config_files": "{out}/secret",
}


def _owner(pid: str, host: str = "{host}") -> dict[str, str]:
    return {
        "dockwarden.owner.pid": pid,
        "dockwarden.owner.host": host,
        "dockwarden.owner.boot-id": "another",
        "dockwarden.owner.started": "1",
    }


def _written(text: str) -> str:
    """A text as ``printf`` would write it; without NUL, which no argument holds."""
    done = subprocess.run(["printf", text], capture_output=True, check=True)
    return done.stdout.replace(b"\0", b"").decode(errors="replace")


_WORDS: Final = {name: _written(text) for name, text in SAID.items()}

_LABELS: Final = {
    "exit-code": ("says how commands end", {"exitCode": "0"}),
    "exec-id": ("says which command has ended", {"execID": "0" * 64}),
    "no-number": ("says that commands end with no number", {"exitCode": "none", "execID": ""}),
    "event": ("says what an event is about", {"name": "other", "image": "other", "signal": "9"}),
    "probe": ("says that it is a probe", {"dockwarden.probe": "true"}),
    "dead-owner": ("names a dead owner, and a claim on the machine", _OURS | _owner("1")),
    "living-owner": ("names another machine's owner", _OURS | _owner("1", "elsewhere")),
    "no-owner": ("names an owner that is none", _OURS | _owner("-1" * 2000)),
    "long-claim": ("names a claim of 60,000 characters", {"dockwarden.claim": "/x" * 30_000}),
    "words": (
        "has words that steer in each label",
        {
            f"dockwarden.{name}": "".join(_WORDS.values())
            for name in ("project", "owner.host", "owner.boot-id", "container", "made")
        }
        | _owner("1", "".join(_WORDS.values())),
    ),
    "names": ("has labels with names that steer", dict.fromkeys(_WORDS.values(), "x")),
}

IMAGES: Final = (
    *(Image(f"label-{name}", words, labels) for name, (words, labels) in _LABELS.items()),
    Image(
        "volume-over-spool",
        "has a volume in the place of the shared folder",
        changes=('VOLUME ["/run/dockwarden"]',),
    ),
    Image(
        "volume-in-spool",
        "has a volume in the place of the first experiment's folder",
        changes=('VOLUME ["/run/dockwarden/{first}"]',),
        given_up="its container",
    ),
    Image(
        "variables",
        "has the variables by which experiments are known",
        changes=("ENV DOCKWARDEN_REQUEST=forged", "ENV out=/", "ENV PATH=/nowhere:/bin:/usr/bin"),
    ),
    Image(
        "entrypoint-words",
        "has words that steer in an entrypoint that ends at once",
        changes=(f"ENTRYPOINT {json.dumps(['sh', '-c', 'exit 0', *_WORDS.values()])}",),
    ),
    *(
        Image(
            f"health-says-{name}",
            f"has a health check that fails, and says {text}",
            changes=(f"""HEALTHCHECK --interval=1s --retries=1 CMD printf '{text}'; exit 1""",),
            given_up=_FAILING,
            backend=_UNFIT,
        )
        for name, text in SAID.items()
        if name in ("title", "colour", "right-to-left", "no-text")
    ),
    Image(
        "health-says-much",
        "has a health check that fails, and says 3 MB",
        changes=(
            "HEALTHCHECK --interval=1s --retries=1 CMD head -c 3000000 /dev/zero | tr '\\0' x; exit 1",
        ),
        given_up=_FAILING,
        backend=_UNFIT,
    ),
    *(
        Image(
            f"last-words-{name}",
            f"has a main process that says {text}, and ends",
            command=("sh", "-c", f"printf '{text}\\n'; printf '{text}' >&2; exit 1"),
            given_up="its container ended at once",
            backend=_UNFIT,
        )
        for name, text in SAID.items()
        if name in ("title", "colour", "one-byte", "no-text")
    ),
)
