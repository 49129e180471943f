"""How long the engines agree: greedy text of the same prompt, token by token.

    python3 examples/llm/agreement.py examples/llm/results/llm/latest

Engines compute in different precisions and orders, so their texts part sooner or later; nothing here calls
that an error. Of one engine, each repetition has to be the same.
"""

import json
import sys
from collections import defaultdict
from collections.abc import Sequence
from itertools import combinations, takewhile
from pathlib import Path
from typing import Any

Key = tuple[tuple[str, Any], ...]


def main() -> int:
    """Print a table; 1 where an engine does not repeat itself."""
    folder = Path(sys.argv[1])
    texts: dict[Key, dict[str, list[list[int]]]] = defaultdict(lambda: defaultdict(list))
    for line in (folder / "results.jsonl").read_text().splitlines():
        record = json.loads(line)
        for artifact in record.get("artifacts", ()):
            if artifact["path"].endswith("tokens.json"):
                params = dict(record["params"])
                engine = params.pop("engine")
                tokens = json.loads((folder / artifact["path"]).read_text())["tokens"]
                texts[tuple(sorted(params.items()))][engine].append(tokens)
    if not texts:
        print(f"{folder} holds no tokens.json; run the campaign first")
        return 2
    unstable = [
        (engine, key)
        for key, engines in texts.items()
        for engine, runs in engines.items()
        if any(one != runs[0] for one in runs)
    ]
    print("| prompt | new tokens | engines | tokens alike |")
    print("| --- | --- | --- | --- |")
    for key, engines in sorted(texts.items()):
        swept = dict(key)
        for one, other in combinations(sorted(engines), 2):
            alike = agreement(engines[one][0], engines[other][0])
            print(f"| {swept['prompt']} | {swept['new']} | {one}, {other} | {alike} |")
    for engine, key in unstable:
        print(f"{engine} does not repeat its own text: {dict(key)}")
    return 1 if unstable else 0


def agreement(one: Sequence[int], other: Sequence[int]) -> int:
    """How many tokens two texts have in common from the beginning."""
    pairs = zip(one, other, strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))


if __name__ == "__main__":
    sys.exit(main())
