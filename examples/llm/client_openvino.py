"""One completion by OpenVINO GenAI, measured. It reads the GGUF file itself."""

from measuring import TEXT, Timer, arguments, cut, report, timed


def main() -> None:
    """Load the model, tokenize the prompt, generate greedily."""
    given = arguments("cache/models/SmolLM2-135M-Instruct.Q4_1.gguf")
    engine, import_s = timed(lambda: __import__("openvino_genai"))
    numpy = __import__("numpy")
    tensor = __import__("openvino").Tensor
    pipeline, load_s = timed(
        lambda: engine.LLMPipeline(given.model, "CPU", INFERENCE_NUM_THREADS=given.threads)
    )

    tokenizer = pipeline.get_tokenizer()
    prompt = cut(tokenizer.encode(TEXT).input_ids.data[0], given.prompt_tokens)
    ids = numpy.array([prompt], dtype=numpy.int64)
    inputs = engine.TokenizedInputs(tensor(ids), tensor(numpy.ones_like(ids)))
    config = engine.GenerationConfig()
    config.max_new_tokens = given.new_tokens
    config.ignore_eos, config.do_sample = True, False
    timer = Timer()

    class Streamer(engine.StreamerBase):  # type: ignore[name-defined, misc]
        def write(self, token: int | list[int]) -> object:
            timer.arrived(token if isinstance(token, list) else [token])
            return engine.StreamingStatus.RUNNING

        def end(self) -> None:
            """Nothing is held back."""

    pipeline.generate(inputs, config, Streamer())
    report(timer, tokenizer.decode(timer.tokens), import_s=import_s, load_s=load_s)


if __name__ == "__main__":
    main()
