"""The llama.cpp server with the model of this example, until it is ordered to end.

It has llama.cpp's own HTTP interface: ``/health`` says whether the model is loaded, ``/completion`` and
``/v1/chat/completions`` generate.
"""

import argparse
import signal
from pathlib import Path

import xllamacpp


def main() -> None:
    """Load the model, serve it, and wait for SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="../cache/models/SmolLM2-135M-Instruct.Q4_1.gguf")
    parser.add_argument("--port", type=int, default=8089)
    parser.add_argument(
        "--parallel", type=int, default=4, help="requests that are computed at once"
    )
    parser.add_argument("--context", type=int, default=512, help="tokens of each of them, at most")
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    if not Path(given.model).exists():
        raise SystemExit(
            f"there is no model at {given.model}; run: python3 examples/llm/prepare.py"
        )

    params = xllamacpp.CommonParams()
    params.model.path = given.model
    params.hostnames, params.port = ["0.0.0.0"], given.port  # noqa: S104 - the client is another container
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = given.threads
    params.n_parallel, params.n_ctx = given.parallel, given.parallel * given.context
    params.warmup, params.verbosity = True, 0

    # Blocked before the server starts its threads, which inherit that: the signal is this thread's to take.
    ending = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, ending)
    server = xllamacpp.Server(params)
    print(f"serving {given.parallel} requests at once on {server.listening_address}", flush=True)
    signal.sigwait(ending)


if __name__ == "__main__":
    main()
