#!/usr/bin/env bash
# podman 5.8.0, the Python bindings (downloads 1 MB)
#
# Expected: `containers.create` follows docker-py's arguments. Its documentation lists `nano_cpus` as the
#   CPU quota in units of 1e-9 CPUs, and `log_config` as the logging configuration. What it cannot do
#   (`device_requests`, `tmpfs`, ...) is a TypeError.
# Seen: `nano_cpus` is accepted and dropped: the request to the service has no limit. Of `log_config`,
#   only the driver and the options named path, size and options are kept, so docker's "max-size" and
#   "max-file" are dropped too. Nothing warns.
# Consequence: a campaign that moves from Docker to Podman measures without CPU limits, while its
#   configuration says otherwise, and the logs of chatty servers grow without bound.
# Workaround: `cpu_period=100_000, cpu_quota=200_000` for two CPUs; in `log_config`, "size" with a
#   number of bytes instead of "max-size".
#
# Needs no Podman: a stand-in service on the loopback address keeps what the bindings send.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check podman==5.8.0

venv/bin/python - <<'PY'
import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

from podman import PodmanClient

bodies = []


class Service(BaseHTTPRequestHandler):
    def do_POST(self):
        bodies.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.answer(201)

    def do_GET(self):
        self.answer(200)

    def answer(self, status):
        body = b'{"Id": "c0ffee", "Warnings": []}'
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


server = HTTPServer(("127.0.0.1", 0), Service)
threading.Thread(target=server.serve_forever, daemon=True).start()
client = PodmanClient(base_url=f"tcp://127.0.0.1:{server.server_port}")


def sent(**arguments):
    client.containers.create("vllm", ["serve"], **arguments)
    return bodies[-1]


nothing = sent()
two_cpus = sent(nano_cpus=2_000_000_000)
by_quota = sent(cpu_period=100_000, cpu_quota=200_000)
logs = sent(log_config={"Type": "json-file", "Config": {"max-size": "10m", "max-file": "3"}})
sized = sent(log_config={"Type": "k8s-file", "Config": {"size": 10_000_000}})
server.shutdown()

print("without limits:", nothing)
print("nano_cpus:", two_cpus)
print("cpu_quota:", by_quota)
print("log_config:", logs)
if two_cpus != nothing:
    sys.exit("CHANGED: the bindings now send nano_cpus")
if by_quota["resource_limits"]["cpu"] != {"period": 100_000, "quota": 200_000}:
    sys.exit("CHANGED: the bindings send the quota in another way")
if logs["log_configuration"] != {"driver": "json-file"}:
    sys.exit("CHANGED: the bindings now send docker's options of a log driver")
if sized["log_configuration"] != {"driver": "k8s-file", "size": 10_000_000}:
    sys.exit("CHANGED: the bindings send the size of a log in another way")
PY
echo "as described"
