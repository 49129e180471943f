"""One completion by llama.cpp, measured."""

import json
import urllib.request

from measuring import TEXT, Timer, arguments, cut, report, timed


def main() -> None:
    """Load the model, tokenize the prompt, generate greedily."""
    given = arguments("cache/models/SmolLM2-135M-Instruct.Q4_1.gguf")
    engine, import_s = timed(lambda: __import__("xllamacpp"))

    params = engine.CommonParams()
    params.model.path = given.model
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = given.threads
    params.n_ctx, params.n_parallel = given.prompt_tokens + given.new_tokens + 64, 1
    params.warmup, params.verbosity = False, 0
    server, load_s = timed(lambda: engine.Server(params))

    def post(path: str, **body: object) -> urllib.request.Request:
        data = json.dumps(body).encode()
        return urllib.request.Request(server.listening_address + path, data)  # noqa: S310 - its own

    with urllib.request.urlopen(post("/tokenize", content=TEXT)) as answer:  # noqa: S310
        prompt = cut(json.load(answer)["tokens"], given.prompt_tokens)
    asked = post(
        "/completion",
        prompt=prompt,
        n_predict=given.new_tokens,
        temperature=0,
        ignore_eos=True,
        cache_prompt=False,
        return_tokens=True,
        stream=True,
    )
    timer, text = Timer(), ""
    with urllib.request.urlopen(asked) as lines:  # noqa: S310
        for line in lines:
            if line.startswith(b"data: "):
                piece = json.loads(line[6:])
                text += piece["content"]
                if piece["tokens"]:
                    timer.arrived(piece["tokens"])
    report(timer, text, import_s=import_s, load_s=load_s)


if __name__ == "__main__":
    main()
