#!/usr/bin/env bash
# docker 7.2.0 and podman 5.8.0, the Python bindings (downloads 1 MB)
#
# Expected: podman's bindings are used like docker-py. Both take a datetime for `since` and `until` of
#   logs and events, and neither says what a datetime without a zone means.
# Seen: docker-py takes it as local time, podman's bindings take it as UTC. Both also drop the fraction
#   of the second (docker-py keeps it only of a float).
# Consequence: `container.logs(since=datetime.now())` returns what follows with Docker. With Podman, on
#   a machine east of Greenwich, it returns nothing for hours, and west of it, hours of old output, which
#   a search for a line that says "ready" then finds. Tests in UTC, as in most CI, do not show it.
# Workaround: pass an aware datetime (`datetime.now(timezone.utc)`), or with docker-py a float.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check docker==7.2.0 podman==5.8.0

TZ=JST-9 venv/bin/python - <<'PY'
import sys
from datetime import datetime, timezone

from docker.utils import datetime_to_timestamp
from podman.api import prepare_timestamp

naive = datetime(2026, 11, 28, 12, 0, 0, 900_000)
aware = naive.replace(tzinfo=timezone.utc)
hours = (prepare_timestamp(naive) - datetime_to_timestamp(naive)) / 3600
print(f"for the same datetime without a zone, podman asks for {hours:+.0f} h of docker's moment")
print("with a zone:", datetime_to_timestamp(aware), prepare_timestamp(aware), aware.timestamp())
if hours != 9:
    sys.exit("CHANGED: both now read a datetime without a zone alike")
if not datetime_to_timestamp(aware) == prepare_timestamp(aware) == int(aware.timestamp()):
    sys.exit("CHANGED: one of them now keeps the fraction of the second")
PY
echo "as described"
