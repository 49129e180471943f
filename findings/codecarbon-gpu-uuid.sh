#!/usr/bin/env bash
# codecarbon 3.3.2 (downloads 52 MB)
#
# Expected: the tracker's documentation says that `gpu_ids` may hold indexes, or prefixes that are
#   matched against the identifiers of the GPUs, as in CUDA's environment variables. Without
#   `gpu_ids`, the tracker takes CUDA_VISIBLE_DEVICES.
# Seen: no NVIDIA UUID ever matches. The code means to remove the prefix "MIG-" and calls
#   `lstrip("MIG-")`, which removes any of the letters M, I, G and "-" from the left: "GPU-01..."
#   becomes "PU-01...", and no UUID starts so. The GPU is then left out with a warning.
# Consequence: in a container that is pinned by CUDA_VISIBLE_DEVICES=GPU-..., the report says that the
#   GPU used 0 kWh. The total is that of CPU and memory alone.
# Workaround: give indexes (`gpu_ids="0"`), also where CUDA_VISIBLE_DEVICES holds UUIDs.
#
# Needs no GPU: one stand-in device, with a UUID of NVIDIA's form, says that it used 0.5 kWh.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check --no-compile codecarbon==3.3.2

venv/bin/python - <<'PY'
import sys

from codecarbon.core.units import Energy, Power
from codecarbon.external import hardware

UUID = "GPU-01234567-89ab-cdef-0123-456789abcdef"


class OneDevice:
    device_count = 1
    devices = ()

    def get_gpu_static_info(self):
        return [{"uuid": UUID, "gpu_index": 0}]

    def get_delta(self, last_duration):
        used = {"delta_energy_consumption": Energy(0.5), "power_usage": Power(1.8)}
        return [{"uuid": UUID, "gpu_index": 0, **used}]


hardware.AllGPUDevices = OneDevice


def used_kwh(gpu_id):
    _, energy = hardware.GPU.from_utils([gpu_id]).measure_power_and_energy(1000)
    return energy.kWh


by_index, by_uuid, by_prefix = used_kwh("0"), used_kwh(UUID), used_kwh(UUID[:8])
print(f"by index: {by_index} kWh; by UUID: {by_uuid} kWh; by prefix of the UUID: {by_prefix} kWh")
if (by_index, by_uuid, by_prefix) != (0.5, 0.0, 0.0):
    sys.exit("CHANGED: codecarbon now finds a GPU by its UUID")
PY
echo "as described"
