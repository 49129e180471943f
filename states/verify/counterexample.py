"""A claim that does not hold, with the shortest path to a violation."""

from __future__ import annotations

from typing import Any

from attrs import frozen

from states.verify.explore import Line

__all__ = ["Counterexample"]


@frozen
class Counterexample:
    """A path that can happen, and should not.

    Attributes:
        subject: of what.
        claim: the name of what does not hold.
        sentence: what it says.
        why: what is wrong in the end, where the claim alone does not say it.
        begin: what is so at first.
        lines: each step: who did what, and what was so afterwards.
    """

    subject: str
    claim: str
    sentence: str
    why: str
    begin: str
    lines: tuple[Line, ...]

    def __str__(self) -> str:
        rows = [("", self.begin)]
        rows += [(f"{_actors(line)}: {line.what}", line.then) for line in self.lines]
        width = max(len(what) for what, _ in rows)
        steps = [
            f"  {number:2}  {what:{width}}  {then}".rstrip()
            for number, (what, then) in enumerate(rows)
        ]
        why = [f"  {self.why}"] if self.why else []
        return "\n".join([f"{self.claim} does not hold: {self.sentence}", *steps, *why])

    def diagram(self) -> str:
        """Draw a sequence diagram in Mermaid's language."""
        names = dict.fromkeys(
            _plain(name) for line in self.lines for name in (line.who, line.whom) if name
        )
        drawn = ["sequenceDiagram", *(f"    participant {_id(name)} as {name}" for name in names)]
        for line in self.lines:
            who, whom = _id(_plain(line.who)), _id(_plain(line.whom or line.who))
            drawn.append(f"    {who}->>{whom}: {_plain(line.what)}")
            drawn.append(f"    Note over {whom}: {_plain(line.then)}")
        if names:
            ends = list(names)
            over = _id(ends[0]) if len(ends) == 1 else f"{_id(ends[0])},{_id(ends[-1])}"
            broken = f"{self.claim} does not hold" + (f", {self.why}" if self.why else "")
            drawn.append(f"    Note over {over}: {_plain(broken)}")
        return "\n".join(drawn) + "\n"

    def to_dict(self) -> dict[str, Any]:
        """Return plain data."""
        return {
            "claim": self.claim,
            "sentence": self.sentence,
            "why": self.why,
            "begin": self.begin,
            "steps": [line._asdict() for line in self.lines],
            "diagram": self.diagram(),
        }


def _actors(line: Line) -> str:
    return f"{line.who} -> {line.whom}" if line.whom and line.whom != line.who else line.who


def _plain(text: str) -> str:
    """Remove from a text the characters that Mermaid would interpret."""
    return text.replace(";", ",").replace("#", "no. ").replace("\n", " ")


def _id(name: str) -> str:
    return "".join(letter if letter.isalnum() else "_" for letter in name)
