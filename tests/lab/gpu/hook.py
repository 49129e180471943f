"""Stands in for NVIDIA's container hook: puts the lab's GPUs into a container that asked for some.

Installed as `<lab>/bin/nvidia-container-runtime-hook`. The engine calls it with the OCI state of the
container as JSON on its standard input, after the container's mounts are made and before its root
is changed: what is mounted below its root file system then is there when it starts. What the hook
prints on its standard error when it fails appears in the engine's own error.
"""

import json
import subprocess
import sys
from pathlib import Path

LAB = Path(__file__).resolve().parents[1]
BENCH_VARIABLE = "DOCKWARDEN_LAB_GPUS"
INSIDE = Path("/run/dockwarden-lab-gpu")

# As the real hook does it: in the container's mount namespace, where the host is still in sight.
MOUNT = """
set -e
while [ $# -gt 0 ]; do
    mkdir -p "${2%/*}"
    if [ -d "$1" ]; then mkdir -p "$2"; else : >>"$2"; fi
    mount --bind "$1" "$2"
    shift 2
done
"""


def main() -> None:
    """Note the call in `<lab>/gpu-hook.log`, then put in what was asked for."""
    state = json.load(sys.stdin)
    config = json.loads((Path(state["bundle"]) / "config.json").read_text())
    environment = dict(entry.partition("=")[::2] for entry in config["process"]["env"])
    wanted = environment.get("NVIDIA_VISIBLE_DEVICES", "")
    call = {"container": state["id"], "bundle": state["bundle"], "visible_devices": wanted}
    log = LAB / "gpu-hook.log"
    with log.open("a") as lines:  # opened to append, one short write: lines never mix
        lines.write(json.dumps(call) + "\n")
    if "root" not in config or wanted in {"", "void", "none"}:
        return
    bench = open_bench(environment.get(BENCH_VARIABLE) or state["id"])
    settings = (bench / "state").read_text().splitlines()
    for message in values(settings, "hook_error"):
        sys.exit(f"nvidia-container-cli: {message}")
    visible = LAB / "gpus" / f"{state['id']}.visible"
    visible.write_text("".join(f"{uuid}\n" for uuid in choose(values(settings, "gpu"), wanted)))
    furnish(state["pid"], Path(state["bundle"], config["root"]["path"]), bench, visible, settings)


def open_bench(name: str) -> Path:
    """The folder of the GPUs that a container sees; at a further start, with what comes next."""
    bench = LAB / "gpus" / name
    (bench / "held").mkdir(parents=True, exist_ok=True)
    (bench / "held").chmod(0o1777)
    if not (bench / "state").exists():
        (bench / "state").write_text((LAB / "gpu" / "state").read_text())
    later = sorted(bench.glob("next-*"))
    if later and (bench / "started").exists():
        later[0].replace(bench / "state")
    (bench / "started").touch()
    return bench


def values(settings: list[str], key: str) -> list[str]:
    """Every value that the state gives to a key."""
    return [line.partition(" ")[2] for line in settings if line.partition(" ")[0] == key]


def choose(uuids: list[str], wanted: str) -> list[str]:
    """The GPUs that are meant: all, or by number or UUID."""
    if wanted == "all":
        return uuids
    numbered = {str(number): uuid for number, uuid in enumerate(uuids)}
    chosen = []
    for name in wanted.split(","):
        uuid = numbered.get(name, name)
        if uuid not in uuids:
            sys.exit(f"nvidia-container-cli: device error: {name}: unknown device")
        chosen.append(uuid)
    return chosen


def furnish(pid: int, root: Path, bench: Path, visible: Path, settings: list[str]) -> None:
    """Mount the library, nvidia-smi, the bench and the list of visible GPUs into the container."""
    mounts = {bench: INSIDE / "bench", visible: INSIDE / "visible"}
    if values(settings, "library") != ["0"]:
        mounts[LAB / "gpu" / "libnvidia-ml.so.1"] = library_folder(root) / "libnvidia-ml.so.1"
        mounts[LAB / "gpu" / "nvidia-smi"] = Path("/usr/bin/nvidia-smi")
    pairs = []
    for source, target in mounts.items():
        pairs += [str(source), str(root / target.relative_to("/"))]
    script = ["/bin/sh", "-c", MOUNT, "dockwarden-lab", *pairs]
    done = subprocess.run(
        ["/usr/bin/nsenter", f"--mount=/proc/{pid}/ns/mnt", "--", *script],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        sys.exit(f"dockwarden's lab: the GPUs could not be mounted: {done.stderr.strip()}")


def library_folder(root: Path) -> Path:
    """Where the image's loader looks: Debian has a folder per architecture, others have lib64."""
    architecture = (LAB / "gpu" / "architecture").read_text().strip()
    for folder in (Path("/usr/lib") / architecture, Path("/usr/lib64")):
        if (root / folder.relative_to("/")).is_dir():
            return folder
    return Path("/usr/lib")


if __name__ == "__main__":
    main()
