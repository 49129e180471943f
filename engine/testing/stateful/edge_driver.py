"""The engine led along given edges: how each event of the table is brought about."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from engine.testing.stateful.coverage import BEGINNING, Never, Way
from engine.testing.stateful.harness import Left, Scene
from states import Edge

__all__ = ["NEVER", "goes", "needs"]

NEVER: Final = (
    Never(
        BEGINNING,
        "stopped --stop--> *",
        "there is no backend before its first start",
    ),
    Never(
        "* --dispatch--> *",
        "busy --finish_reattached--> *",
        "what is dispatched runs in a container that has passed its gate",
    ),
    Never(
        "* --reattach--> *",
        "busy --finish--> *",
        "a container that was found busy has yet to pass its gate",
    ),
    Never(
        "* --finish_reattached--> *",
        "* --reattach--> *",
        "the container is there and is proved, so nothing is looked for to be taken over",
    ),
    Never(
        "ready --restart--> *",
        "* --reattach--> *",
        "what is ready has its own container, so nothing is looked for to be taken over",
    ),
)
"""The pairs of edges of :data:`states.BACKEND` that do not occur on the engine."""

_STEP_S: Final = 0.05


def needs(way: Way) -> tuple[Left, int]:
    """Return what an earlier controller must have left for a path, and how many restarts it takes."""
    left: Left = "busy" if any(edge.event == "reattach" for edge, _ in way) else "nothing"
    granted = 0
    for edge, facts in way:
        if edge.event == "recover":
            granted += facts["budget_left"]
            if not all(facts.values()):
                break
    return left, granted


def goes(scene: Scene, way: Way) -> bool:
    """Lead a scene along a way; returns whether it could be led to its end."""
    for number, (edge, _) in enumerate(way, 1):
        before = len(scene.witness.edges)
        _BRING.get(edge.event, _waits)(scene, edge, way[number:])
        scene.look()
        _until_more(scene, before)
        if scene.witness.edges[before : before + 1] != [str(edge)]:
            return False
    return True


def _until_more(scene: Scene, before: int) -> None:
    """Let time pass until another edge is taken, by small steps: the next one has to be met."""
    for step_s in [0.0, *[_STEP_S] * 100, *[10.0] * 20]:
        if len(scene.witness.edges) > before:
            return
        scene.advance(step_s)


def _waits(_scene: Scene, _edge: Edge, _rest: Way) -> None:
    """It comes by itself."""


def _starts(scene: Scene, _edge: Edge, rest: Way) -> None:
    fails = _next(rest) == "fault"
    if fails and _incurable(rest[1:]):
        scene.mishap("its image is gone")
    scene.start(unadopted=fails and scene.left == "busy")


def _next(rest: Way) -> str:
    return rest[0][0].event if rest else ""


def _incurable(rest: Way) -> bool:
    """Whether what comes next is the decision that no restart cures it."""
    return _next(rest) == "recover" and not rest[0][1]["curable"]


def _dispatches(scene: Scene, _edge: Edge, _rest: Way) -> None:
    scene.dispatch()


def _finishes(scene: Scene, _edge: Edge, _rest: Way) -> None:
    for _ in range(100):  # until the command has begun
        if scene.running:
            break
        scene.advance(_STEP_S)
    scene.end_command()


def _falls_ill(scene: Scene, edge: Edge, rest: Way) -> None:
    """In ready a check finds it unfit; else its container dies, before its gate or under its command."""
    if edge.source == "ready":
        scene.find_unfit(curable=not _incurable(rest))
        return
    before = len(scene.witness.edges)
    for _ in range(100):
        if len(scene.witness.edges) > before:
            return
        if scene.container is not None and _vulnerable(scene):
            scene.befall("killed")
            return
        scene.advance(_STEP_S)


def _vulnerable(scene: Scene) -> bool:
    """Whether its container's death would be met where it is wanted."""
    last = scene.witness.edges[-1]
    healthy = scene.container is not None and scene.container.health == "healthy"
    if scene.state == "busy":
        return bool(scene.running)
    return not healthy or last.startswith("busy --finish")


def _recovers(scene: Scene, _edge: Edge, _rest: Way) -> None:
    scene.recover()


def _restarts(scene: Scene, _edge: Edge, _rest: Way) -> None:
    scene.restart()


def _resets(scene: Scene, _edge: Edge, _rest: Way) -> None:
    scene.reset()


def _stops(scene: Scene, _edge: Edge, rest: Way) -> None:
    if _next(rest) == "removal_failed":
        scene.hide()
    scene.stop()


_BRING: Final[Mapping[str, Callable[[Scene, Edge, Way], None]]] = {
    "start": _starts,
    "dispatch": _dispatches,
    "finish": _finishes,
    "finish_reattached": _finishes,
    "fault": _falls_ill,
    "recover": _recovers,
    "restart": _restarts,
    "reset": _resets,
    "stop": _stops,
}
"""How each event is brought about; those that are not here come by themselves."""
