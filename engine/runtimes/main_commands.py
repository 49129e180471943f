"""The main processes of a runtime's containers: decided once for each service, then kept."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

from attrs import define, evolve, field

from engine.model.main_command import Decision, MainCommand
from engine.model.spec import ServiceSpec
from engine.policy.keep_alive import DEFAULT, ImageCommand, entrypoint_of, foreseen

__all__ = ["GIVEN", "MainCommands"]

GIVEN: Final = MainCommand(reason="its command is that of an experiment (service_command)")

_ENDED: Final = "its own command ended at once with exit code 0"


@define
class MainCommands:
    """The main command of each service's next container.

    Args:
        keep_alive: the command that keeps a container up, by service, for those that have one.
        undecided: the services whose image and first start decide; ``keep_alive`` then has what is run
            instead, if not ``sleep infinity``.
        earlier: what was decided for these before, by another controller; kept to while the image is the same.
    """

    _keep_alive: Mapping[str, tuple[str, ...]]
    _undecided: Collection[str] = ()
    _earlier: Mapping[str, Decision] = field(factory=dict)
    _decided: dict[str, MainCommand] = field(factory=dict, init=False)
    _images: dict[str, ImageCommand | None] = field(factory=dict, init=False)

    def decide(self, spec: ServiceSpec, image: ImageCommand | None) -> MainCommand:
        """Decide what the service's next container runs; the first answer stands, until :meth:`ended`.

        Args:
            image: what its image says; None where no image is used.
        """
        if spec.name not in self._decided:
            self._images[spec.name] = image
            self._decided[spec.name] = self._first(spec, image)
        return self._decided[spec.name]

    def _first(self, spec: ServiceSpec, image: ImageCommand | None) -> MainCommand:
        keep_alive = self._keep_alive.get(spec.name)
        if spec.name in self._undecided:
            earlier = self._earlier.get(spec.name)
            if earlier is not None and earlier.image == (image.id if image else None):
                return earlier.main
            return foreseen(spec, image, keep_alive)
        if keep_alive is None:
            return MainCommand()
        return MainCommand(keep_alive, "", entrypoint_of(spec, image))

    def of(self, service: str) -> MainCommand:
        """Return the decision; its own command where there is none."""
        return self._decided.get(service, MainCommand())

    def alternatives(self, spec: ServiceSpec) -> list[MainCommand]:
        """Return what the container of an earlier controller may run: the decision, or what follows on its end."""
        first = self.of(spec.name)
        return [first, self._instead(spec)] if first.on_trial else [first]

    def settle(self, service: str, main: MainCommand) -> None:
        """Keep to a main command from now on: a container that runs it was taken over, or has passed its gate."""
        self._decided[service] = evolve(main, on_trial=False)

    def ended(self, spec: ServiceSpec, exit_code: int) -> bool:
        """Take note that a container ended at once; whether the next one is to be kept up instead.

        An exit code other than 0 is an error of the command, and stays one.
        """
        before = self._decided.get(spec.name)
        if before is None or not before.on_trial or exit_code != 0:
            return False
        self.settle(spec.name, self._instead(spec))
        return True

    def _instead(self, spec: ServiceSpec) -> MainCommand:
        keep_alive = self._keep_alive.get(spec.name, DEFAULT)
        return MainCommand(keep_alive, _ENDED, entrypoint_of(spec, self._images.get(spec.name)))
