"""What engines do that a controller has to know: the same calls on each, and what came of them in a few words."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from typing import Any, Final

import docker.errors
from docker.api import APIClient
from docker.types import DeviceRequest

from tests.lab import BASE_IMAGE

__all__ = ["PROBES", "Probe"]

Probe = Callable[["Room"], str]

_LABEL: Final = "dockwarden.probe"
_STUBBORN: Final = ["sh", "-c", "trap '' TERM; while true; do sleep 1; done"]


class Room:
    """Makes containers for probes, and removes them in the end.

    Args:
        client: of the engine.
        name: what its containers and networks are called, and labelled with.
    """

    def __init__(self, client: APIClient, name: str) -> None:
        self.client = client
        self.name = name
        self._made: list[str] = []

    def made(self, *command: str, **options: Any) -> str:
        """A container that has been created; its id."""
        labels = {_LABEL: self.name}
        argv = list(command or ("sleep", "1000"))
        created = self.client.create_container(BASE_IMAGE, argv, labels=labels, **options)
        self._made.append(created["Id"])
        return str(created["Id"])

    def started(self, *command: str, **options: Any) -> str:
        """A container that runs; its id."""
        container = self.made(*command, **options)
        self.client.start(container)
        return container

    def exec(self, container: str, *command: str) -> str:
        """An exec that has been created; its id."""
        return str(self.client.exec_create(container, list(command))["Id"])

    def events(self, since: float, container: str) -> list[dict[str, Any]]:
        """Return the events of a container since a moment; waits for a second, the precision of engines."""
        told = self.client.events(
            since=int(since),
            until=int(time.time()) + 1,
            decode=True,
            filters={"container": container},
        )
        return [event for event in told if event["timeNano"] >= since * 1e9]

    def close(self) -> None:
        """Remove what was made."""
        for container in self._made:
            with suppress(docker.errors.NotFound):
                self.client.remove_container(container, force=True)


def _actions(events: list[dict[str, Any]]) -> str:
    return ", ".join(event["Action"] for event in events) or "none"


def _status(call: Callable[[], object]) -> str:
    try:
        call()
    except docker.errors.APIError as error:
        return str(error.status_code)
    return "taken"


def exec_that_ends(room: Room) -> str:
    """The events of an exec that exits with 7."""
    container = room.started()
    begun = time.time()
    exec_id = room.exec(container, "sh", "-c", "exit 7")
    room.client.exec_start(exec_id)
    while room.client.exec_inspect(exec_id)["Running"]:
        pass
    events = room.events(begun, container)
    named = any(event["Actor"]["Attributes"].get("execID") == exec_id for event in events)
    actions = _actions([{"Action": one["Action"].partition(":")[0]} for one in events])
    return f"{actions}; {'with' if named else 'without'} its id"


def exec_before_its_start(room: Room) -> str:
    """The exit code of an exec that has not been started."""
    exec_id = room.exec(room.started(), "true")
    return str(room.client.exec_inspect(exec_id)["ExitCode"])


def exec_of_a_missing_program(room: Room) -> str:
    """The answer to the start of an exec whose program is missing, and the exit code afterwards."""
    exec_id = room.exec(room.started(), "/no/such/program")
    answer = _status(lambda: room.client.exec_start(exec_id, detach=True))
    return f"{answer}, then exit code {room.client.exec_inspect(exec_id)['ExitCode']}"


def exec_started_twice(room: Room) -> str:
    """The answers to the second start of an exec that runs, and of one that has ended."""
    container = room.started()
    answers = []
    for command in (("sleep", "1000"), ("true",)):
        exec_id = room.exec(container, *command)
        room.client.exec_start(exec_id, detach=True)
        while command == ("true",) and room.client.exec_inspect(exec_id)["Running"]:
            pass
        answers.append(_status(partial(room.client.exec_start, exec_id, detach=True)))
    return ", ".join(answers)


def stop_that_has_to_kill(room: Room) -> str:
    """The kinds of event of a stop whose TERM is ignored; their order is not to be relied on."""
    container = room.started(*_STUBBORN)
    begun = time.time()
    room.client.stop(container, timeout=1)
    events = {event["Action"]: event for event in room.events(begun, container)}
    return _actions([events[action] for action in sorted(events)])


def stop_of_a_paused_container(room: Room) -> str:
    """The answer to a stop of a paused container."""
    container = room.started(stop_signal="SIGKILL")
    room.client.pause(container)
    answer = _status(lambda: room.client.stop(container, timeout=1))
    if answer != "taken":
        room.client.unpause(container)
    return answer


def removal(room: Room) -> str:
    """The last event of a container that is removed."""
    container = room.made()
    begun = time.time()
    room.client.remove_container(container)
    return _actions(room.events(begun, container)[-1:])


def processes(room: Room) -> str:
    """Whose numbers the list of a container's processes shows."""
    container = room.started()
    listed = room.client.top(container)
    pid = listed["Processes"][0][listed["Titles"].index("PID")]
    machine = int(pid) == room.client.inspect_container(container)["State"]["Pid"]
    return "the machine's" if machine else "the container's own"


def two_networks_of_one_name(room: Room) -> str:
    """The answer to the second."""
    name = f"{room.name}-twice"
    made = [room.client.create_network(name, check_duplicate=False)["Id"]]
    try:
        return _status(
            lambda: made.append(room.client.create_network(name, check_duplicate=False)["Id"])
        )
    finally:
        for network in made:
            room.client.remove_network(network)


def name_in_use(room: Room) -> str:
    """The answer to a second container of one name."""
    room.made(name=f"{room.name}-named")
    return _status(lambda: room.made(name=f"{room.name}-named"))


def exec_in_a_stopped_container(room: Room) -> str:
    """The answer to its creation."""
    container = room.made()
    return _status(lambda: room.exec(container, "true"))


def unknown_runtime(room: Room) -> str:
    """The answer to a container with a runtime that the engine does not have."""
    host = room.client.create_host_config(runtime="no-such-runtime")
    return _status(lambda: room.made(host_config=host))


def gpus(room: Room) -> str:
    """What comes of a request for all GPUs."""
    request = DeviceRequest(driver="nvidia", count=-1, capabilities=[["gpu"]])
    host = room.client.create_host_config(device_requests=[request])
    container = room.made("nvidia-smi", "-L", host_config=host)
    answer = _status(lambda: room.client.start(container))
    if answer != "taken":
        return answer
    there = room.client.wait(container)["StatusCode"] == 0
    return "there" if there else "dropped without a word"


def digest_of_an_image(room: Room) -> str:
    """Whether an image that was imported has a manifest digest beside its id."""
    digests = room.client.inspect_image(BASE_IMAGE).get("RepoDigests") or ()
    image = room.client.inspect_image(BASE_IMAGE)["Id"]
    if not digests:
        return "none"
    return "the same" if any(digest.endswith(image) for digest in digests) else "another"


PROBES: Final[Mapping[str, Probe]] = {
    probe.__name__.replace("_", " "): probe
    for probe in (
        *(exec_that_ends, exec_before_its_start, exec_of_a_missing_program),
        *(exec_started_twice, exec_in_a_stopped_container),
        *(stop_that_has_to_kill, stop_of_a_paused_container),
        *(removal, processes, two_networks_of_one_name, name_in_use),
        *(unknown_runtime, gpus, digest_of_an_image),
    )
}
"""Every probe by its name; its docstring says what it gives."""
