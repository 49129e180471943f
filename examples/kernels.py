"""Real numeric work in pure Python: each kernel computes, checks itself, and prints one JSON line.

    python3 kernels.py matmul | fft | nbody | mandelbrot

Exit code 0 when the result is right, 1 when it is not, 2 when the kernel is unknown.
"""
# ruff: noqa: INP001, T201 - a script, and printing is its business

from __future__ import annotations

import cmath
import itertools
import json
import math
import os
import platform
import random
import sys
import time
from collections.abc import Callable


def matmul(size: int = 160) -> tuple[float, float, int]:
    """Multiply a random orthogonal matrix by its transpose: that gives the identity."""
    rng = random.Random(1)  # noqa: S311 - numbers to compute with
    axis = [rng.gauss(0, 1) for _ in range(size)]
    norm = sum(x * x for x in axis)
    # A Householder reflection, I - 2 v v' / v'v, is orthogonal and its own transpose.
    reflection = [
        [(i == j) - 2 * x * y / norm for j, y in enumerate(axis)] for i, x in enumerate(axis)
    ]
    columns = list(zip(*reflection, strict=True))
    product = [
        [sum(a * b for a, b in zip(row, column, strict=True)) for column in columns]
        for row in reflection
    ]
    error = max(
        abs(value - (i == j)) for i, row in enumerate(product) for j, value in enumerate(row)
    )
    return error, 1e-12, 2 * size**3


def fft(size: int = 2**14) -> tuple[float, float, int]:
    """Transform two pure tones: all of the spectrum is in four known lines."""

    def transform(values: list[complex]) -> list[complex]:
        if len(values) == 1:
            return values
        even, odd = transform(values[::2]), transform(values[1::2])
        half = len(even)
        turned = [cmath.exp(-1j * math.pi * k / half) * odd[k] for k in range(half)]
        return [even[k] + turned[k] for k in range(half)] + [
            even[k] - turned[k] for k in range(half)
        ]

    tones = {17: 1.0, 1234: 0.25}
    signal = [
        complex(sum(a * math.cos(2 * math.pi * f * t / size) for f, a in tones.items()))
        for t in range(size)
    ]
    spectrum = transform(signal)
    lines = {line: a * size / 2 for f, a in tones.items() for line in (f, size - f)}
    error = max(abs(abs(value) - lines.get(k, 0.0)) for k, value in enumerate(spectrum))
    return error / size, 1e-9, 5 * size * int(math.log2(size))


def nbody(steps: int = 20_000) -> tuple[float, float, int]:
    """Follow three bodies of equal mass along the figure eight: they come back, energy is conserved."""
    # The orbit of Chenciner and Montgomery (2000); its period is 6.32591398.
    place, speed = complex(0.97000436, -0.24308753), complex(0.93240737, 0.86473146)
    places = [place, -place, 0j]
    speeds = [speed / 2, speed / 2, -speed]
    begin, step = list(places), 6.32591398 / steps
    pulls = _pulls(places)
    before = _energy(places, speeds)
    for _ in range(steps):  # leapfrog: half a kick, a drift, half a kick
        speeds = [v + step / 2 * a for v, a in zip(speeds, pulls, strict=True)]
        places = [z + step * v for z, v in zip(places, speeds, strict=True)]
        pulls = _pulls(places)
        speeds = [v + step / 2 * a for v, a in zip(speeds, pulls, strict=True)]
    astray = max(abs(z - z0) for z, z0 in zip(places, begin, strict=True))
    return max(astray, abs(_energy(places, speeds) - before)), 1e-5, steps * 3 * 30


def _pulls(places: list[complex]) -> list[complex]:
    """The acceleration of each body; the plane is the complex numbers."""
    return [sum(((w - z) / abs(w - z) ** 3 for w in places if w is not z), 0j) for z in places]


def _energy(places: list[complex], speeds: list[complex]) -> float:
    kinetic = sum(abs(v) ** 2 for v in speeds) / 2
    return kinetic - sum(1 / abs(z - w) for z, w in itertools.combinations(places, 2))


def mandelbrot(width: int = 220, depth: int = 100) -> tuple[float, float, int]:
    """Measure the Mandelbrot set's area by counting points: about 1.5066, a little more here."""
    inside = operations = 0
    for row in range(width):
        for column in range(width):
            c = complex(-2 + 2.5 * (column + 0.5) / width, 1.25 * (row + 0.5) / width)
            z = 0j
            for turn in range(depth):
                z = z * z + c
                if z.real * z.real + z.imag * z.imag > 4:  # noqa: PLR2004 - the escape radius, squared
                    operations += turn
                    break
            else:
                inside += 1
                operations += depth
    area = 2 * inside * (2.5 / width) * (1.25 / width)
    return abs(area - 1.5066), 0.05, operations * 10


KERNELS: dict[str, Callable[[], tuple[float, float, int]]] = {
    "matmul": matmul,
    "fft": fft,
    "nbody": nbody,
    "mandelbrot": mandelbrot,
}


def main(arguments: list[str]) -> int:
    """Run the kernel that is named, and say how it went."""
    if len(arguments) != 1 or arguments[0] not in KERNELS:
        print(f"usage: kernels.py {' | '.join(KERNELS)}", file=sys.stderr)
        return 2
    started_s = time.perf_counter()
    error, tolerance, operations = KERNELS[arguments[0]]()
    duration_s = time.perf_counter() - started_s
    figures = {
        "kernel": arguments[0],
        "backend": os.environ.get("BACKEND", ""),
        "right": error <= tolerance,
        "error": error,
        "tolerance": tolerance,
        "duration_s": round(duration_s, 6),
        "operations_per_s": round(operations / duration_s),
        "python": platform.python_version(),
    }
    print(json.dumps(figures))
    return 0 if figures["right"] else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
