"""Loads the server with a fixed number of requests at a time, and hands back what it measured.

Each worker sends its next request when its last one is answered (a closed loop), so the server always has
``--concurrency`` requests. The prompts differ, so that no answer comes from a cache.
"""

import argparse
import json
import os
import statistics
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

SERVER = os.environ.get("SERVER", "http://localhost:8089")
WORDS = (Path(__file__).parents[1] / "prompt.txt").read_text().split()


def ask(number: int, new_tokens: int, timeout_s: float) -> dict[str, float]:
    """Have one prompt continued.

    Returns:
        seconds to the first token (`first_token_s`) and to the last one (`latency_s`), and the count of
        `tokens`.

    Raises:
        OSError: the server did not answer, or sent nothing for `timeout_s`.
    """
    body = {
        "prompt": " ".join(WORDS[number : number + 32]),
        "n_predict": new_tokens,
        "temperature": 0,
        "ignore_eos": True,
        "cache_prompt": False,
        "return_tokens": True,
        "stream": True,
    }
    began = time.perf_counter()
    moments: list[float] = []
    tokens = 0
    asked = urllib.request.Request(f"{SERVER}/completion", json.dumps(body).encode())  # noqa: S310 - http
    with urllib.request.urlopen(asked, timeout=timeout_s) as lines:  # noqa: S310
        for line in lines:
            if line.startswith(b"data: ") and (arrived := json.loads(line[6:])["tokens"]):
                tokens += len(arrived)
                moments.append(time.perf_counter() - began)
    return {"first_token_s": moments[0], "latency_s": moments[-1], "tokens": tokens}


def main() -> None:
    """Send the requests, and hand back what they took."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--concurrency", type=int, default=1)
    parser.add_argument("--requests", type=int, default=16)
    parser.add_argument("--new-tokens", type=int, default=16)
    parser.add_argument("--timeout", type=float, default=60, help="seconds without a token")
    given = parser.parse_args()

    def answer(number: int) -> dict[str, float]:
        return ask(number, given.new_tokens, given.timeout)

    began = time.perf_counter()
    with ThreadPoolExecutor(given.concurrency) as pool:
        answers = list(pool.map(answer, range(given.requests)))
    took_s = time.perf_counter() - began

    first = [one["first_token_s"] for one in answers]
    latency = [one["latency_s"] for one in answers]
    metrics = {
        "requests_per_s": (given.requests / took_s, "1/s"),
        "tokens_per_s": (sum(one["tokens"] for one in answers) / took_s, "tokens/s"),
        "first_token_s": (statistics.median(first), "s"),
        "latency_s": (statistics.median(latency), "s"),
        "slowest_s": (max(latency), "s"),
    }
    for name, (value, unit) in metrics.items():
        print(f"{name}: {value:.3f} {unit}")
    if "DOCKWARDEN_METRICS" in os.environ:
        values = {name: {"value": value, "unit": unit} for name, (value, unit) in metrics.items()}
        Path(os.environ["DOCKWARDEN_METRICS"]).write_text(json.dumps(values))
    if "DOCKWARDEN_ARTIFACTS" in os.environ:
        Path(os.environ["DOCKWARDEN_ARTIFACTS"], "requests.json").write_text(json.dumps(answers))


if __name__ == "__main__":
    main()
