"""Find words in documentation, docstrings, comments and messages that plain English would not use.

``python -m tests.words [FILE ...]`` prints each with its place and what to write instead, and exits
with 1 if there is one. Without files it checks every folder in :data:`CHECKED`. Code itself is not
checked: names of variables may be anything.
"""

from __future__ import annotations

import io
import re
import subprocess
import sys
import tokenize
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from attrs import frozen

ROOT = Path(__file__).parent.parent

CHECKED = (
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "README.md",
    "SECURITY.md",
    "benchmarks/",
    "dockwarden/",
    "docs/",
    "engine/",
    "examples/",
    "states/",
    "tests/",
)
"""Folders and files that are checked. A name ending in a slash stands for all files below it."""

LEFT_OUT = {
    "tests/words.py": "it lists the words",
    "tests/test_words.py": "it plants them",
}
"""Files and folders of :data:`CHECKED` that are not checked, and why."""

INSTEAD = {
    r"(?:some|any)body|someone": "who it is: the user, another process, a service",
    r"nobody|no one": "who it is not: no process, no test, no user",
    r"told": "reported, recorded, shown, distinguished",
    r"anew": "again, from scratch",
    r"mend(?:s|ed|ing)?": "fix, repair, correct",
    r"of (?:ours|theirs|yours)": "our, their, your",
    r"of (?:its|one's|their|his|our) own": "its, separate, private, custom",
    r"(?<![.`])befall(?:s|en|ing)?(?!\()|befell": "happen to, hit",
    r"(?:go(?:es|ing|ne)?|went) on with": "continue, resume",
    r"look(?:s|ed|ing)? at": "check, inspect, read",
    r"whoever|whomever|whosever": "name who it is",
    r"whatever": "any, every, or name what it is",
    r"so to speak": "nothing: leave it out",
    r"in any case": "always, or nothing",
    r"what becomes of": "what happens to",
}
"""Words, as regular expressions, and what to write instead of each."""

ALLOWED = {
    ("CONTRIBUTING.md", "somebody"): "the style page names it as a word to avoid",
    ("CONTRIBUTING.md", "nobody"): "likewise",
    ("CONTRIBUTING.md", "gone on with"): "likewise, in its table of sentences",
    ("CONTRIBUTING.md", "mend"): "likewise",
}
"""(file, words as they stand there) -> why they may stay."""

_SPACE = r"[\s\"'#]+"
"""What may stand between two words: a new line may begin with the mark of a comment or string."""


@frozen
class Finding:
    """One of the words.

    Attributes:
        file: relative to the repository.
        line: counted from 1.
        words: as they stand in the file.
        instead: what to write.
    """

    file: str
    line: int
    words: str
    instead: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.words!r}; write instead: {self.instead}"


_FIELD = re.compile(r"(?<!\{)\{[^{}\n]+\}")
"""A replacement field of an f-string, which is code; in other strings a word in braces is a name."""

_CODE = re.compile(r"""('[^']*'|"[^"]*")|.""")


def _blanked(field: re.Match[str]) -> str:
    """Blank a field out, but for the strings in it."""
    return _CODE.sub(lambda part: part[1] or "\0", field[0])


def prose(source: str) -> str:
    """Return Python source with everything but comments and strings blanked out, at the same lines."""
    lines = source.splitlines(keepends=True)
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line))
    kept = ["\n" if mark == "\n" else " " if mark.isspace() else "\0" for mark in source]
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type in {tokenize.COMMENT, tokenize.STRING, _FSTRING}:
            first = starts[token.start[0] - 1] + token.start[1]
            last = starts[token.end[0] - 1] + token.end[1]
            kept[first:last] = _FIELD.sub(_blanked, source[first:last])
    return "".join(kept)


_FSTRING = getattr(tokenize, "FSTRING_MIDDLE", tokenize.STRING)
"""Since Python 3.12 the text of an f-string is a token by itself."""

_PATTERNS = [
    (
        re.compile(rf"(?<![-\w/])(?:{words.replace(' ', _SPACE)})(?![-\w]|\.\w)", re.IGNORECASE),
        instead,
    )
    for words, instead in INSTEAD.items()
]


def findings(name: str, source: str) -> Iterator[Finding]:
    """Find the words in a file's text.

    Args:
        name: of the file, relative to the repository; Python is recognized by its ending.
        source: its text.
    """
    text = prose(source) if name.endswith(".py") else source
    for pattern, instead in _PATTERNS:
        for match in pattern.finditer(text):
            words = re.sub(_SPACE, " ", match[0])
            if (name, words) not in ALLOWED:
                yield Finding(name, text.count("\n", 0, match.start()) + 1, words, instead)


def files(checked: Sequence[str] = CHECKED) -> list[str]:
    """List the files of the repository that are in ``checked`` and not left out, by their names."""
    tracked = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    return sorted(
        name
        for name in tracked
        if name.endswith((".py", ".md", ".yml", ".j2"))
        and (ROOT / name).exists()
        and _within(name, checked)
        and not _within(name, LEFT_OUT)
    )


def _within(name: str, places: Iterable[str]) -> bool:
    return any(name == one or (one.endswith("/") and name.startswith(one)) for one in places)


def main(names: Sequence[str]) -> int:
    """Check the files named, or all of :data:`CHECKED`; return the exit code."""
    found = [
        finding
        for name in names or files()
        for finding in findings(name, (ROOT / name).read_text("utf-8"))
    ]
    for finding in sorted(found, key=lambda one: (one.file, one.line)):
        print(finding)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
