"""Running a user's command by hand beside the processes of a backend on this machine."""

from __future__ import annotations

import os
import subprocess

from engine.errors import ExecFailed
from engine.model.spec import Project
from engine.runtimes.by_hand import UP, Entry, in_use, not_up
from engine.runtimes.process.backend import BACKEND, CLAIM, OWNER
from engine.runtimes.process.inventory import take
from engine.runtimes.process.service import base_environment, working_folder
from engine.runtimes.process.spawn import NOT_EXECUTABLE, NOT_FOUND
from engine.runtimes.process.tree import carriers

__all__ = ["enter"]


def enter(project: Project, entry: Entry) -> int:
    """Run a command as the processes of a service run, and return its exit code.

    It carries the marks of the backend, so everything that ends the backend ends the command.

    Raises:
        DispatchError: nothing of the service runs.
        OwnedElsewhere: a campaign uses it.
        ExecFailed: the command cannot be run now.
    """
    service = entry.service
    found = next((one for one in take(project.name) if one.service == service), None)
    if found is None:
        raise not_up(service, "it is not up")
    in_campaign = found.owned and UP not in found.labels
    if in_campaign and found.owner is not None and not entry.force:
        raise in_use(service, found.owner)
    marks = next(
        (one for one in carriers(BACKEND, OWNER, CLAIM).values() if one[BACKEND] == found.id), {}
    )
    spec = project.services[service]
    entrypoint = (spec.entrypoint or ()) if entry.through_entrypoint else ()
    command = [*entrypoint, *entry.command]
    try:
        process = subprocess.Popen(
            command,
            cwd=working_folder(project, spec, entry.working_dir),
            env={
                **base_environment(os.environ),
                **spec.environment,
                **entry.environment,
                **marks,
            },
        )
    except FileNotFoundError:
        return NOT_FOUND
    except PermissionError:
        return NOT_EXECUTABLE
    except (OSError, ValueError) as error:
        reason = f"the command could not be run: {error}; correct it"
        raise ExecFailed(service, reason) from error
    with process:
        code = process.wait()
    return code if code >= 0 else 128 - code
