"""A play: a campaign of tricks on the lab's engine, run by one user, and what came of it."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Literal

from attrs import define, field

from tests.hostile.controller import Said, User, interpreter
from tests.hostile.guests import compose_up
from tests.hostile.images import Foreign, foreign_containers, made
from tests.hostile.outside import Outside
from tests.hostile.trick import Completes, Expectation, Trick, script
from tests.hostile.tricks.images import Image
from tests.hostile.tricks.mains import Main
from tests.hostile.tricks.owners import OwnerNote
from tests.hostile.tricks.servers import Server
from tests.lab import BASE_IMAGE, Engine

__all__ = ["HONEST", "WITNESSED", "Face", "Play"]

HONEST: Final = "honest"
"""The backend in whose container nothing hostile runs."""

_WITNESS: Final = "echo seen by $DOCKWARDEN_REQUEST; echo and heard >&2"
WITNESSED: Final = "seen by {request}\n"
"""What a witness writes."""

_LIMITS: Final = {"pids_limit": 400, "mem_limit": "512m", "stop_grace_period": "0s"}
_QUICK: Final = {"backoff": "0s", "max_restarts": 200, "ready_within": "60s"}
_REFUSED: Final = "refused.jsonl"
_SPOILT: Final = "its container (has made its spool useless|took the spool away)"
"""Why a backend is given up whose main process lets no file be made in any of its containers."""

_SHOWN: Final = (
    ("report", "--format", "html"),
    ("report", "--format", "csv"),
    ("report", "--format", "md"),
    ("history",),
    ("watch", "--once"),
    ("logs", "--tail", "1000"),
)


Face = Literal["campaign", "manager", "controller"]


@define(eq=False)
class Play:
    """One campaign, in a separate folder.

    Attributes:
        folder: for everything; made by :meth:`__attrs_post_init__`.
        face: what runs it: ``dockwarden run``, or a program of the user's own.
        said: what each command printed, by what it was.
        outside: the markers, by the trick that they are for.
        experiments: as the campaign file has them.
        expects: what may come of those that are no witnesses, by their run.
        unfit: the backends that may be given up, and what the reason must say, as a regular expression.
        foreign: containers of the user's own that have to be left alone.
        hostile: the backends in whose containers nothing is to be trusted, under any experiment.
    """

    name: str
    folder: Path
    user: User
    engine: Engine
    face: Face = "campaign"
    said: dict[str, Said] = field(factory=dict, init=False)
    outside: dict[str, Outside] = field(factory=dict, init=False)
    experiments: list[dict[str, Any]] = field(factory=list, init=False)
    expects: dict[str, Expectation] = field(factory=dict, init=False)
    foreign: list[Foreign] = field(factory=list, init=False)
    hostile: set[str] = field(factory=set, init=False)
    unfit: dict[str, str] = field(factory=dict, init=False)
    _images: list[Image] = field(factory=list, init=False)
    _guests: dict[str, OwnerNote] = field(factory=dict, init=False)
    _services: dict[str, dict[str, Any]] = field(factory=dict, init=False)
    _backends: dict[str, dict[str, Any]] = field(factory=dict, init=False)

    def __attrs_post_init__(self) -> None:
        self.folder.mkdir(parents=True)
        self.home.mkdir(mode=0o700)
        self._service(HONEST, {})
        self.outside["looking"] = self._markers("looking")

    @property
    def project(self) -> str:
        return f"dockwarden-hostile-{os.getpid()}-{self.name}"

    @property
    def home(self) -> Path:
        return self.folder / "home"

    @property
    def results(self) -> Path:
        """The results folder of the campaign's first run."""
        return next(one for one in sorted(self._all_results.iterdir()) if not one.is_symlink())

    @property
    def _all_results(self) -> Path:
        return self.folder / "results"

    def add_tricks(self, tricks: Sequence[Trick]) -> None:
        """Have each of these tricks done by an experiment, with a witness after it, all in one container."""
        self._service("alpha", {})
        for number, trick in enumerate(tricks):
            outside = self.outside[trick.name] = self._markers(trick.name)
            witness = f"after-{trick.name}"
            variables = {"out": str(outside.folder), "next": f"alpha-{witness}"}
            doing = {"name": trick.name, "command": script(trick.script), "env": variables}
            self.expects[f"alpha-{trick.name}"] = trick.expects
            self.experiments += [
                {"backend": "alpha", **doing, **trick.keys},
                {"backend": "alpha", "name": witness, **_witness()},
            ]
            if number % 4 == 0:
                self.experiments.append(
                    {"backend": HONEST, "name": f"beside-{number}", **_witness()}
                )

    def add_mains(self, mains: Sequence[Main], experiments: int) -> None:
        """Have each of these processes be the main one of a container, in which witnesses run."""
        for main in mains:
            outside = self.outside[main.name] = self._markers(main.name)
            variables = {"out": str(outside.folder), "service": main.name}
            own = {
                key: value.format(uid=self.user.uid) if isinstance(value, str) else value
                for key, value in main.keys.items()
            }
            gpus = {
                "deploy": {"resources": {"reservations": {"devices": [{"capabilities": ["gpu"]}]}}}
            }
            keys = {
                "command": main.command,
                "environment": variables,
                **(gpus if main.looks else {}),
                **own,
            }
            self._service(main.name, keys)
            self._may_be_exhausted(main.name)
            if main.looks:
                self._backends[main.name] |= {"look_every": "1s", "look_within": "5s"}
            self._witnesses(main.name, experiments, main.writes_bytes)
        self._witnesses(HONEST, 6)

    def add_kept(self, mains: Sequence[Main], experiments: int) -> None:
        """Have an experiment leave each of these processes, and keep it, and witnesses after it."""
        for main in mains:
            outside = self.outside[main.name] = self._markers(main.name)
            self._service(main.name, {})
            self._may_be_exhausted(main.name)
            self.experiments.append(
                {
                    "backend": main.name,
                    "name": "leaving",
                    "leftovers": "keep",
                    "command": ["sh", "-c", 'setsid "$@" >/dev/null 2>&1 &', "sh", *main.command],
                    "env": {"out": str(outside.folder), "service": main.name},
                }
            )
            self._witnesses(main.name, experiments, main.writes_bytes)
        self._witnesses(HONEST, 6)

    def add_images(self, images: Sequence[Image]) -> None:
        """Have backends, and containers of the user's own, made from each of these images."""
        for image in images:
            self.outside[image.name] = self._markers(image.name)
            self._images.append(image)
            command = {"command": image.command} if image.command else {}
            self._service(image.name, {"image": self._tag(image), **command})
            self._backends[image.name] |= image.backend
            run = {"backend": image.name, "name": "e1", "timeout": "20s"}
            if not image.given_up:
                self.experiments.append({**run, "command": ["sh", "-c", "sleep 0.2; exit 3"]})
                self.expects[f"{image.name}-e1"] = Completes(3)
                self.experiments.append({**run, "name": "e2", **_witness()})
            else:
                self.unfit[image.name] = image.given_up
                self._witnesses(image.name, 2)
        self._witnesses(HONEST, 3)

    def _tag(self, image: Image) -> str:
        return f"{self.project}-{image.name}"

    def add_servers(self, servers: Sequence[Server]) -> None:
        """Have a backend of each of these services."""
        for server in servers:
            outside = self.outside[server.name] = self._markers(server.name)
            self._service(
                server.name, {"environment": {"out": str(outside.folder)}, **server.service}
            )
            self._backends[server.name] |= server.backend
            if server.given_up:
                self.unfit[server.name] = server.given_up
                self._witnesses(server.name, 2)
            else:
                self._strict_witnesses(server.name, 2)
        self._witnesses(HONEST, 3)

    def add_guests(self, notes: Sequence[OwnerNote]) -> None:
        """Have each of these containers, as the user's own Compose made them, taken over."""
        for note in notes:
            self.outside[note.name] = self._markers(note.name)
            self._service(note.name, {})
            self._guests[note.name] = note
            self._witnesses(note.name, 2)
        self._witnesses(HONEST, 3)

    def _may_be_exhausted(self, backend: str) -> None:
        """Expect that a backend makes itself useless again and again, until nothing restarts it."""
        self._backends[backend] |= {"max_restarts": 12}
        self.unfit[backend] = _SPOILT

    def _witnesses(self, backend: str, count: int, writes_bytes: int = 0) -> None:
        """Have experiments that complete in an honest container, and in another one say why they did not."""
        if backend != HONEST:
            self.hostile.add(backend)
        self._strict_witnesses(backend, count, writes_bytes)

    def _strict_witnesses(self, backend: str, count: int, writes_bytes: int = 0) -> None:
        """Have experiments that complete."""
        self.experiments += [
            {"backend": backend, "name": f"e{number}", "timeout": "20s", **_witness(writes_bytes)}
            for number in range(1, count + 1)
        ]

    def perform(self) -> None:
        """Run the campaign, check its results by every command, and run another one after it."""
        variables = {name: {"out": str(self.outside[name].folder)} for name in self._guests}
        with (
            compose_up(self.project, self._guests, variables),
            made({self._tag(one): one for one in self._images}, self),
            foreign_containers(map(self._tag, self._images), self) as self.foreign,
        ):
            self._perform() if self.face == "campaign" else self._perform_directly()
            if self._images:
                self._run("reap", "reap", "--dry-run")
                self._run("down", "down", self.file)
            for one in self.foreign:
                one.look()

    def _perform(self) -> None:
        self._write(self.experiments)
        self._run("run", "run", self.file, "--fresh", terminal=True)
        for words in _SHOWN:
            self._run(" ".join(words), *words, self.results)
        self._run("status", "status", self.file)
        self._write([{"backend": name, "name": "later", **_witness()} for name in self._honest()])
        self._run("the next run", "run", self.file, "--fresh")

    def _perform_directly(self) -> None:
        """Have a program of the user's own run the experiments, and others after them in the same folder."""
        output = self._all_results / "direct"
        self._write(self.experiments)
        later = [{"backend": name, "name": "later", **_witness()} for name in self._honest()]
        self._run_directly("run", output, output / "results.jsonl", self.experiments)
        self._run_directly("the next run", output, self.home / "later.jsonl", later)

    def _run_directly(
        self, what: str, output: Path, records: Path, experiments: Sequence[Mapping[str, Any]]
    ) -> None:
        told = {
            "face": self.face,
            "compose": str(self.folder / "docker-compose.yml"),
            "output": str(output),
            "records": str(records),
            "refused": str(records.with_name(f"{records.stem}-{_REFUSED}")),
            "max_restarts": {
                one["backend"]: self._backends[one["backend"]]["max_restarts"]
                for one in experiments
            },
            "honest": what != "run",
            "experiments": list(experiments),
        }
        file = self.folder / f"{what}.json"
        file.write_text(json.dumps(told))
        command = [interpreter(self.user.uid), "-m", "tests.hostile.direct", str(file)]
        self.said[what] = self.user.call(command, engine=self.engine, home=self.home)

    @property
    def file(self) -> Path:
        return self.folder / "campaign.yml"

    def records(self) -> list[dict[str, Any]]:
        """The records of the first run."""
        lines = (self.results / "results.jsonl").read_text().splitlines()
        return [json.loads(line) for line in lines]

    def skipped(self) -> dict[str, str]:
        """Why experiments of the first run have no record, by their run."""
        if self.face != "campaign":
            lines = (self.results / f"results-{_REFUSED}").read_text().splitlines()
            return {one["run"]: one["reason"] for one in map(json.loads, lines)}
        file = self.results / "summary.json"
        told = json.loads(file.read_text()) if file.exists() else {"runs": []}
        return {one["run"]: one["reason"] for one in told["runs"] if one["state"] == "skipped"}

    def output(self, record: Mapping[str, Any], stream: str = "stdout") -> str | None:
        """What an attempt's output file holds now; None where there is none."""
        if record[stream] is None:
            return None
        file = self.results / record[stream]
        return file.read_bytes()[: 2**20].decode(errors="replace") if file.is_file() else None

    def _honest(self) -> list[str]:
        return [name for name in self._services if name not in self.hostile]

    def _run(self, what: str, *words: str | Path, terminal: bool = False) -> None:
        self.said[what] = self.user.run(
            *words, engine=self.engine, home=self.home, terminal=terminal
        )

    def _markers(self, name: str) -> Outside:
        outside = Outside(self.folder / "outside" / name)
        outside.make(self.user.uid, self.user.gid)
        return outside

    def _service(self, name: str, keys: Mapping[str, Any]) -> None:
        self._services[name] = {"image": BASE_IMAGE, "init": True, **_LIMITS, **keys}
        self._backends[name] = dict(_QUICK)

    def _write(self, experiments: Sequence[Mapping[str, Any]]) -> None:
        """Write the campaign and its compose file (JSON, which is YAML)."""
        named = {one["backend"] for one in experiments}
        compose = {"name": self.project, "services": self._services}
        campaign = {
            "name": "hostile",
            "runtime": "docker",
            "adopt": "compose" if self._guests else "nothing",
            "results": str(self._all_results),
            "retry": {"max_attempts": 1},
            "grace": "1s",
            "defaults": {"timeout": "120s"},
            "backends": {name: keys for name, keys in self._backends.items() if name in named},
            "experiments": list(experiments),
        }
        (self.folder / "docker-compose.yml").write_text(json.dumps(compose))
        self.file.write_text(json.dumps(campaign))
        self._all_results.mkdir(exist_ok=True)
        of_the_user = (self.folder, self.home, self._all_results)
        for path in (*of_the_user, self.file, self.folder / "docker-compose.yml"):
            os.chown(path, self.user.uid, self.user.gid)


def _witness(writes_bytes: int = 0) -> dict[str, Any]:
    much = f"; head -c {writes_bytes} /dev/zero" if writes_bytes else ""
    return {"command": ["sh", "-c", _WITNESS + much]}
