#!/usr/bin/env bash
# docker 7.2.0 (downloads 1 MB)
#
# Expected: the Engine API has `StartInterval` for health checks since version 1.44: how often to
#   probe while the container starts. A key of a health check that docker-py does not know is an
#   error, as an unknown argument of `containers.run` is.
# Seen: `docker.types.Healthcheck` picks the keys that it knows and drops all others, silently. The
#   start interval is not among them. Setting it on the finished object does not help either: whatever
#   is passed as `healthcheck` is built again from the known keys. `DeviceRequest` drops unknown names
#   in the same way: with `device_id` for `device_ids`, the request names no device at all.
# Consequence: with `start_period: 10m, start_interval: 1m`, taken from a compose file, the engine falls
#   back to its default of 5 s. A server that loads its weights for ten minutes is then probed 120
#   times instead of ten. With a short start interval, it becomes ready later than asked for.
# Workaround: build the body with `client.api.create_container_config(...)`, set
#   body["Healthcheck"]["StartInterval"], and hand it to `client.api.create_container_from_config`.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check docker==7.2.0

venv/bin/python - <<'PY'
import sys

from docker.types import ContainerConfig, DeviceRequest, Healthcheck

SECOND = 10**9
KEYS = ["Interval", "Retries", "StartPeriod", "Test", "Timeout"]


def sent(healthcheck):
    return ContainerConfig("1.44", "vllm", ["serve"], healthcheck=healthcheck)["Healthcheck"]


as_argument = {"test": ["CMD", "true"], "start_period": 600 * SECOND, "start_interval": 60 * SECOND}
set_later = Healthcheck(test=["CMD", "true"], start_period=600 * SECOND)
set_later["StartInterval"] = 60 * SECOND
request = DeviceRequest(device_id=["0"], capabilities=[["gpu"]])

print("from a dictionary:", sent(as_argument))
print("set on the object:", sent(set_later))
print("device request with a misspelt key:", request)
if sorted(sent(as_argument)) != KEYS or sorted(sent(set_later)) != KEYS:
    sys.exit("CHANGED: docker-py now passes on a start interval")
if (request["DeviceIDs"], request["Count"]) != ([], 0):
    sys.exit("CHANGED: DeviceRequest reads an unknown key in another way")
PY
echo "as described"
