"""One completion by PyTorch and transformers, measured. ``convert.py`` has made its model of the GGUF file."""

from measuring import TEXT, Timer, arguments, cut, report, timed


def main() -> None:
    """Load the model, tokenize the prompt, generate greedily."""
    given = arguments("cache/models/SmolLM2-135M-Instruct-f32")
    torch, import_torch_s = timed(lambda: __import__("torch"))
    transformers, import_s = timed(lambda: __import__("transformers"))
    torch.set_num_threads(given.threads)

    def load() -> object:
        return transformers.AutoModelForCausalLM.from_pretrained(given.model, dtype=torch.float32)

    model, load_s = timed(load)
    tokenizer = transformers.AutoTokenizer.from_pretrained(given.model)
    prompt = cut(tokenizer(TEXT)["input_ids"], given.prompt_tokens)
    timer = Timer()

    class Streamer(transformers.generation.BaseStreamer):  # type: ignore[name-defined, misc]
        prompt_came = False

        def put(self, value: object) -> None:
            if self.prompt_came:
                timer.arrived(value.tolist())  # type: ignore[attr-defined]
            self.prompt_came = True

        def end(self) -> None:
            """Nothing is held back."""

    ids = torch.tensor([prompt])
    with torch.inference_mode():
        model.generate(
            ids,
            attention_mask=torch.ones_like(ids),
            min_new_tokens=given.new_tokens,
            max_new_tokens=given.new_tokens,
            do_sample=False,
            streamer=Streamer(),
            pad_token_id=0,
        )
    text = tokenizer.decode(timer.tokens)
    report(timer, text, import_s=import_torch_s + import_s, load_s=load_s)


if __name__ == "__main__":
    main()
