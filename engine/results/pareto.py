"""The Pareto front: what nothing else beats in one respect without losing in the other. Pure."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["pareto"]


def pareto(points: Sequence[tuple[float, float]], *, lower: tuple[bool, bool]) -> list[int]:
    """The indices of the points on the front, in the order of their first value.

    Of points that are equal all are on it.

    Args:
        points: two values each.
        lower: for each of the two whether less is better.
    """

    def better(at: int) -> tuple[float, float]:
        one, other = points[at]
        return (one if lower[0] else -one, other if lower[1] else -other)

    front: list[int] = []
    for at in sorted(range(len(points)), key=better):
        if not front or better(at)[1] < better(front[-1])[1] or better(at) == better(front[-1]):
            front.append(at)
    return sorted(front, key=lambda at: points[at])
