"""Parts of Markdown files that are written by a program, between markers that say which.

::

    <!-- dockwarden diagram backend mermaid -->
    ...
    <!-- /dockwarden -->

Markers stand on separate lines. Those in a fenced block are text.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from engine.errors import InputError, MarkdownError

__all__ = ["fenced", "rewritten"]

_FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})")


def rewritten(
    text: str, render: Callable[[str], str], *, file: str, word: str = "dockwarden"
) -> str:
    """The text, with what stands between its markers as it has to be.

    Args:
        render: makes the Markdown for the words between ``dockwarden`` and the end of the marker.
        file: what the text is from, for errors.
        word: what markers begin with.

    Raises:
        MarkdownError: a marker is not closed, or closes nothing; or what ``render`` raises of it.
    """
    begins, ends = re.compile(rf"<!-- {word} (.*\S) -->"), f"<!-- /{word} -->"
    kept: list[str] = []
    fence = opened = ""
    opened_at = 0
    for number, line in enumerate(text.splitlines(keepends=True), start=1):
        bare = line.strip()
        begin = begins.fullmatch(bare)
        if opened:
            if begin:
                break
            if bare == ends:
                kept += [_inside(render, opened, file=file, line=opened_at), line]
                opened = ""
            continue
        fence = _fence_after(fence, line)
        if begin and not fence:
            opened, opened_at = begin[1], number
        elif bare == ends and not fence:
            raise MarkdownError(f"{ends} closes nothing", file=file, line=number)
        kept.append(line)
    if opened:
        raise MarkdownError(
            f"<!-- {word} {opened} --> is not closed; put {ends} on a line after it",
            file=file,
            line=opened_at,
        )
    return "".join(kept)


def _inside(render: Callable[[str], str], words: str, *, file: str, line: int) -> str:
    try:
        return f"\n{render(words)}\n"
    except (ValueError, InputError) as error:
        raise MarkdownError(str(error), file=file, line=line) from error


def fenced(text: str, language: str) -> str:
    """Text as a block of code."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text}{fence}\n"


def _fence_after(fence: str, line: str) -> str:
    """The fence that is open after a line; empty for none."""
    found = _FENCE.match(line)
    if not found:
        return fence
    if not fence:
        return found[1]
    closes = found[1][0] == fence[0] and len(found[1]) >= len(fence) and line.strip() == found[1]
    return "" if closes else fence
