"""Loads the server with several requests at a time, and hands back what it measured."""

import argparse
import json
import os
import statistics
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.request import urlopen

SERVER = os.environ.get("SERVER", "http://localhost:8765")


def ask(tokens: int) -> float:
    """How long one request takes, in seconds."""
    began = time.monotonic()
    with urlopen(f"{SERVER}/generate?tokens={tokens}", timeout=10) as answer:
        json.load(answer)
    return time.monotonic() - began


parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--concurrency", type=int, default=1)
parser.add_argument("--requests", type=int, default=16)
parser.add_argument("--tokens", type=int, default=10)
asked = parser.parse_args()

began = time.monotonic()
with ThreadPoolExecutor(asked.concurrency) as pool:
    latencies = list(pool.map(ask, [asked.tokens] * asked.requests))
took = time.monotonic() - began

metrics = {
    "tokens_per_s": {"value": asked.requests * asked.tokens / took, "unit": "1/s"},
    "latency_s": {"value": statistics.median(latencies), "unit": "s"},
}
if "DOCKWARDEN_METRICS" in os.environ:
    Path(os.environ["DOCKWARDEN_METRICS"]).write_text(json.dumps(metrics))
json.dump(metrics, sys.stdout)
