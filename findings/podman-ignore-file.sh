#!/usr/bin/env bash
# podman 5.8.0, the Python bindings, beside docker 7.2.0 (downloads 1 MB)
#
# Expected: `images.build(path=...)` reads .containerignore or .dockerignore, with the rules of Docker's
#   reference: a closing or a leading slash does not matter, "*" does not cross a slash, and "!" takes
#   a file back in.
# Seen: each line is given to Python's fnmatch as it stands. "models/" and "/models" exclude nothing,
#   "*.log" excludes logs in every folder, a line with "!" does nothing, and "*" followed by
#   exceptions (the usual list of what is wanted) leaves an empty context.
# Consequence: the lines "models/" and "data/", with which Docker builds in seconds, send all model
#   weights to the Podman service, after they were copied into a temporary archive. With the list of
#   what is wanted, the service gets an archive without a Containerfile.
# Workaround: write lines that mean the same to both ("models", without slashes), or build with the
#   podman command, whose rules are Docker's.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check podman==5.8.0 docker==7.2.0

venv/bin/python - <<'PY'
import sys
import tarfile
from pathlib import Path

from docker.utils.build import exclude_paths
from podman.api import create_tar, prepare_containerignore

context = Path("context")
FILES = ("Dockerfile", "models/weights", "run.log", "logs/old.log")
for name in FILES:
    (context / name).parent.mkdir(parents=True, exist_ok=True)
    (context / name).touch()


def sent_by_podman(rules):
    (context / ".dockerignore").write_text("\n".join(rules))
    with create_tar(str(context), exclude=prepare_containerignore(str(context))) as archive:
        return set(tarfile.open(fileobj=archive).getnames()) & set(FILES)


def sent_by_docker(rules):
    return set(exclude_paths(str(context), list(rules))) & set(FILES)


LOGS = {"run.log", "logs/old.log"}
described = {
    ("models/",): (set(FILES), set(FILES) - {"models/weights"}),
    ("/models",): (set(FILES), set(FILES) - {"models/weights"}),
    ("models",): (set(FILES) - {"models/weights"}, set(FILES) - {"models/weights"}),
    ("*.log",): (set(FILES) - LOGS, set(FILES) - {"run.log"}),
    ("*.log", "!run.log"): (set(FILES) - LOGS, set(FILES)),
    ("*", "!Dockerfile"): (set(), {"Dockerfile"}),
}
for rules, (podman, docker) in described.items():
    seen = sent_by_podman(rules), sent_by_docker(rules)
    print(f"{' + '.join(rules)}: podman sends {sorted(seen[0])}, docker sends {sorted(seen[1])}")
    if seen != (podman, docker):
        sys.exit(f"CHANGED: podman or docker reads {rules} in another way")
PY
echo "as described"
