"""Make a model of safetensors from the GGUF file, once: PyTorch reads GGUF only by converting it each time."""

import shutil
from pathlib import Path

SOURCE = Path("cache/models/SmolLM2-135M-Instruct.Q4_1.gguf")
MADE = Path("cache/models/SmolLM2-135M-Instruct-f32")


def main() -> None:
    """Convert beside the place, and move it there whole: what is cut short leaves nothing that looks done."""
    if MADE.exists():
        print(f"{MADE} is there")
        return
    import torch  # type: ignore[import-not-found,unused-ignore]
    from transformers import (  # type: ignore[import-not-found,unused-ignore]
        AutoModelForCausalLM,
        AutoTokenizer,
    )

    half = MADE.with_suffix(".half")
    shutil.rmtree(half, ignore_errors=True)
    place = {"pretrained_model_name_or_path": str(SOURCE.parent), "gguf_file": SOURCE.name}
    AutoTokenizer.from_pretrained(**place).save_pretrained(half)
    model = AutoModelForCausalLM.from_pretrained(**place, dtype=torch.float32)
    # transformers refuses to save what it has read from GGUF, although the weights are plain numbers by now.
    del model.config.quantization_config
    model.hf_quantizer = None
    model.is_quantized = False
    model.save_pretrained(half)
    half.rename(MADE)
    print(f"{MADE} is made")


if __name__ == "__main__":
    main()
