"""One small project of the table in small_forms.py."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from attrs import field, frozen

__all__ = ["Row", "env_file", "override", "refused", "service_yaml"]


@frozen
class Row:
    """A small project. In its texts, ``@`` stands for what makes a name one of this project alone.

    Attributes:
        keys: of the service, in YAML.
        over: those of an override file; None for no such file.
        top: the sections beside ``services``.
        files: further files, by name.
        environ: variables of the caller.
        refused: what our reader names as it refuses the project; empty where it takes it.
        compose_takes: whether real Compose takes a project that ours refuses.
        warned: what our reader names in a warning.
    """

    keys: str
    over: str | None = None
    top: str = ""
    files: Mapping[str, str] = field(factory=dict)
    environ: Mapping[str, str] = field(factory=dict)
    refused: str = ""
    compose_takes: bool = False
    warned: str = ""

    @property
    def words(self) -> list[str]:
        """What names the files for Compose, where a variable would name others."""
        return ["-f", "compose.yml"] if "COMPOSE_FILE" in self.environ else []

    @property
    def fits_beside_others(self) -> bool:
        """Whether Compose can read it in one call with others, each in a separate folder."""
        of_the_whole = bool(self.environ) or ".env" in self.files or self.top.startswith("name:")
        return not (self.refused or of_the_whole)

    def write(self, folder: Path, tag: str = "") -> list[str]:
        """Write its files.

        Args:
            folder: where to.
            tag: what stands for ``@``.

        Returns:
            the names of the compose files.
        """
        files = {"compose.yml": _file(f"image: x\n{self.keys}") + self.top, **self.files}
        if self.over is not None:
            files["compose.override.yml"] = _file(self.over)
        for name, content in files.items():
            (folder / name).write_bytes(content.replace("@", tag).encode())
        return sorted((name for name in files if name.startswith("compose.")), reverse=True)


def _file(keys: str) -> str:
    return f"services:\n{service_yaml('a@', keys)}"


def service_yaml(name: str, keys: str) -> str:
    return f"  {name}:\n" + "".join(f"    {line}\n" for line in keys.splitlines())


def override(keys: str, over: str, **others: object) -> Row:
    return Row(keys, over, **others)  # type: ignore[arg-type]


def env_file(content: str, refused: str = "", **environ: str) -> Row:
    return Row(
        "env_file: e.env",
        files={"e.env": content},
        environ=environ,
        refused=refused,
        compose_takes=bool(refused),
    )


def refused(keys: str, key: str, *, compose_takes: bool = False, over: str | None = None) -> Row:
    return Row(keys, over, refused=key, compose_takes=compose_takes)
