"""Where a container of dockwarden differs from Compose's, on purpose: a table, each row with its reason.

``python -m tests.compose.differences`` writes it into ``docs/compose.md``.
"""

from __future__ import annotations

from collections.abc import Callable
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Final

from attrs import frozen

from engine.policy.keep_alive import DEFAULT
from engine.runtimes.docker.containers.provisioner import INSIDE

__all__ = ["DIFFERENCES", "PAGE", "Difference", "page"]

PAGE: Final = Path(__file__).parents[2] / "docs" / "compose.md"

_BEGIN: Final = (
    "<!-- written by python -m tests.compose.differences; each row is seen in a test -->\n"
)
_END: Final = "<!-- end of what is written -->\n"

Holds = Callable[[Any, Any], bool]


@frozen
class Difference:
    """A difference that is meant.

    Attributes:
        key: where inspection shows it; ``*`` stands for anything.
        compose: what Compose makes, in words.
        ours: what we make, in words.
        why: the reason.
        holds: whether two values, Compose's and ours, differ in this way; None where there is none.
        before: the first major version of Docker on which it is gone; None where it is on every one.
    """

    key: str
    compose: str
    ours: str
    why: str
    holds: Holds
    before: int | None = None

    def is_on(self, version: str) -> bool:
        """Whether an engine of this version shows it."""
        return self.before is None or int(version.partition(".")[0]) < self.before

    def explains(self, key: str, theirs: Any, ours: Any) -> bool:
        """Whether this is why the two values under a key differ."""
        return fnmatchcase(key, self.key.replace("[", "[[]")) and self.holds(theirs, ours)


def _is_ours_alone(theirs: Any, ours: Any) -> bool:
    return theirs is None and ours is not None


def _is_theirs_alone(theirs: Any, ours: Any) -> bool:
    return ours is None and theirs is not None


def _one_bind_more(theirs: Any, ours: Any) -> bool:
    (more,) = {*ours} - {*(theirs or ())}
    return {*(theirs or ())} < {*ours} and str(more).endswith(f":{INSIDE}:rw")


DIFFERENCES: Final = (
    Difference(
        "*Labels[dockwarden.*]",
        "none",
        "the project, and which process made the container",
        "so that one controller leaves another's containers alone, and a dead one's are cleared away",
        _is_ours_alone,
    ),
    Difference(
        "Labels[com.docker.compose.config-hash]",
        "a digest of each network and volume",
        "none there",
        "Compose prints none; its `up` keeps a network or a volume without one",
        _is_theirs_alone,
    ),
    Difference(
        "Config.Cmd",
        "the image's command",
        f"`{' '.join(DEFAULT)}`, where its own command is a shell or ends at once, and no"
        " other service depends on it",
        "a backend stays up and takes experiments by exec",
        lambda _, ours: bool(ours == list(DEFAULT)),
    ),
    Difference(
        "Config.Entrypoint",
        "the image's entrypoint",
        "none, likewise",
        "it would run the command that keeps the backend up",
        _is_theirs_alone,
    ),
    Difference(
        "Config.Healthcheck.*",
        "the file's health check",
        "`NONE`, unless the campaign says `health: docker`",
        "dockwarden runs the check itself, and never beside an experiment",
        lambda _, ours: ours in (["NONE"], None),
    ),
    Difference(
        "HostConfig.Binds",
        "what the file says",
        f"one more, on `{INSIDE}`",
        "the output of experiments goes through it, whole and without a stream that could break",
        _one_bind_more,
    ),
    Difference(
        f"Mounts[{INSIDE}]*",
        "none",
        "the same, as inspection shows it a second time",
        "see above",
        _is_ours_alone,
    ),
    Difference(
        "HostConfig.Init",
        "only where the file says so",
        "on, unless the file says `init: false`",
        "ended experiments would leave zombie processes behind",
        lambda theirs, ours: theirs is None and ours is True,
    ),
    Difference(
        "HostConfig.RestartPolicy.Name",
        "the file's restart policy, or nothing",
        "`no`",
        "restarts are decided by the state machine, and two that restart would fight",
        lambda _, ours: bool(ours == "no"),
    ),
    Difference(
        "HostConfig.RestartPolicy.MaximumRetryCount",
        "the file's",
        "0",
        "see above",
        lambda _, ours: bool(ours == 0),
    ),
    Difference(
        "HostConfig.VolumesFrom",
        "without the mode (`service:ro` is writable)",
        "with the mode",
        "what the file says is read-only is read-only",
        lambda theirs, ours: theirs == [entry.partition(":")[0] for entry in ours],
    ),
    Difference(
        "Mounts[*].RW",
        "true for what comes from `volumes_from: [service:ro]`",
        "false",
        "see above",
        lambda theirs, ours: theirs is True and ours is False,
    ),
    Difference(
        "Config.StopTimeout",
        "`stop_grace_period` without its fraction of a second",
        "rounded up; nothing for 10 s, the engine's own",
        "half a second is not none",
        lambda theirs, ours: ours in ({10: None}.get(theirs, 0), theirs + 1),
    ),
    Difference(
        "Config.MacAddress",
        "none",
        "the service's `mac_address`",
        "engines before 25 read only this field, and so ignore what Compose sets",
        _is_ours_alone,
        before=25,
    ),
    Difference(
        "Networks.*.MacAddress",
        "the service's `mac_address`",
        "none, unless the file gives it for that network",
        "see above",
        _is_theirs_alone,
        before=25,
    ),
    Difference(
        "HostConfig.MemorySwappiness",
        "nothing for `mem_swappiness: 0`",
        "0",
        "0 is a setting: no swapping",
        lambda theirs, ours: theirs is None and ours == 0,
    ),
)
"""Every one of them; a difference that no row explains fails the tests."""


def page(before: str) -> str:
    """The page with the table as it has to be, around which everything stays."""
    head, _, rest = before.partition(_BEGIN)
    lines = ["| `docker inspect` | Compose | dockwarden | why |", "| --- | --- | --- | --- |"]
    lines += [f"| `{row.key}` | {row.compose} | {row.ours} | {row.why} |" for row in DIFFERENCES]
    table = "\n".join(lines) + "\n"
    return f"{head}{_BEGIN}\n{table}\n{_END}{rest.partition(_END)[2]}"


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text()))
