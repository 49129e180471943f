"""``python -m tests.mutants``: kill all mutants, or say which ones live."""

from __future__ import annotations

import sys
import time
from collections import Counter

from tests.mutants.hunt import Fate, hunt, keep_killers, known_killers, of_table
from tests.mutants.of_sources import MUTANTS
from tests.mutants.of_tables import table_mutants

USAGE = "python -m tests.mutants [WORDS]: only those mutants whose names hold all the words"


def main(words: list[str]) -> int:
    """Hunt, and print each fate; 0 if all are killed."""
    if {"-h", "--help"} & set(words):
        print(USAGE)
        return 0
    began_s = time.monotonic()
    fates: list[Fate] = []
    for mutant in table_mutants():
        if all(word in mutant.name for word in words):
            fates.append(of_table(mutant))
            print(fates[-1].line, flush=True)
    chosen = [mutant for mutant in MUTANTS if all(word in mutant.name for word in words)]
    for fate in hunt(chosen, known_killers()):
        fates.append(fate)
        print(fate.line, flush=True)
    keep_killers(fates)
    return _sum_up(fates, time.monotonic() - began_s)


def _sum_up(fates: list[Fate], took_s: float) -> int:
    survivors = [fate for fate in fates if fate.killer is None]
    killers = Counter((fate.killer or "nothing").partition(":")[0] for fate in fates)
    print()
    for killer, times in killers.most_common():
        print(f"{times:4}  by {killer}")
    killed = len(fates) - len(survivors)
    print(f"{killed} of {len(fates)} mutants are killed, in {took_s:.0f} s")
    for fate in survivors:
        print(fate.line)
    return 1 if survivors or not fates else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
