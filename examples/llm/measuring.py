"""Shared by the three clients: their command line, the clock, and the output of numbers.

Nothing here knows dockwarden. It sets two environment variables, which any program may use:
``DOCKWARDEN_METRICS``, the path of a JSON file for numbers, and ``DOCKWARDEN_ARTIFACTS``, a folder for files.
"""

import argparse
import json
import os
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

RAPL = Path("/sys/class/powercap/intel-rapl:0/energy_uj")
"""Energy of the first processor package, in microjoules, where the kernel and the machine give it."""

TEXT = (Path(__file__).parent / "prompt.txt").read_text()


def arguments(model: str) -> argparse.Namespace:
    """The command line, the same for each client.

    Args:
        model: the default of ``--model``.
    """
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", default=model)
    parser.add_argument("--prompt-tokens", type=int, default=16)
    parser.add_argument("--new-tokens", type=int, default=32)
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    if not Path(given.model).exists():
        raise SystemExit(
            f"there is no model at {given.model}; run: python3 examples/llm/prepare.py"
        )
    return given


def cut(tokens: Sequence[int], count: int) -> list[int]:
    """The first ``count`` tokens of the text that serves as the prompt."""
    if len(tokens) < count:
        raise SystemExit(f"--prompt-tokens {count}: prompt.txt has {len(tokens)} tokens")
    return [int(token) for token in tokens[:count]]


class Timer:
    """Times the arrival of tokens.

    Attributes:
        tokens: the ids that have arrived.
    """

    def __init__(self) -> None:
        self.tokens: list[int] = []
        self._began_uj = _energy_uj()
        self._began = time.perf_counter()
        self._moments: list[float] = []

    def arrived(self, tokens: Iterable[int]) -> None:
        """Note tokens that have just arrived."""
        self.tokens += [int(token) for token in tokens]
        self._moments.append(time.perf_counter() - self._began)

    def metrics(self) -> dict[str, float]:
        """Time to the first token (s), and tokens per second from then on."""
        first, last = self._moments[0], self._moments[-1]
        found = {"first_token_s": first, "tokens_per_s": (len(self.tokens) - 1) / (last - first)}
        ended_uj = _energy_uj()
        if self._began_uj is not None and ended_uj is not None and ended_uj > self._began_uj:
            found["energy_j"] = (ended_uj - self._began_uj) / 1e6
        return found


def timed(work: Callable[[], Any]) -> tuple[Any, float]:
    """Run some work; return its result, and how long it took in seconds."""
    began = time.perf_counter()
    done = work()
    return done, time.perf_counter() - began


UNITS = {
    "import_s": "s",
    "load_s": "s",
    "first_token_s": "s",
    "tokens_per_s": "tokens/s",
    "peak_memory_mib": "MiB",
    "energy_j": "J",
}


def report(timer: Timer, text: str, **others: float) -> None:
    """Print the numbers, and hand them and the tokens over if a file for them is set."""
    metrics = {**others, **timer.metrics(), "peak_memory_mib": _peak_mib()}
    for name, value in metrics.items():
        print(f"{name}: {value:.3f}")
    if "energy_j" not in metrics:
        print("energy: not measured here (no RAPL counter can be read)")
    print(text)
    if "DOCKWARDEN_METRICS" in os.environ:
        values = {name: {"value": value, "unit": UNITS[name]} for name, value in metrics.items()}
        Path(os.environ["DOCKWARDEN_METRICS"]).write_text(json.dumps(values))
    if "DOCKWARDEN_ARTIFACTS" in os.environ:
        written = json.dumps({"tokens": timer.tokens, "text": text})
        Path(os.environ["DOCKWARDEN_ARTIFACTS"], "tokens.json").write_text(written)


def _energy_uj() -> int | None:
    try:
        return int(RAPL.read_text())
    except (OSError, ValueError):
        return None


def _peak_mib() -> float:
    """The most memory that this process has had in use."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024
