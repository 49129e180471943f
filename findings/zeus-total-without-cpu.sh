#!/usr/bin/env bash
# zeus 0.16.0 (downloads 79 MB)
#
# Expected: `ZeusMonitor.end_window` returns a Measurement with the energy of GPUs, CPU packages and
#   memory. Its `total_energy` is documented as the total energy of the window, in joules.
# Seen: `total_energy` is the sum over the GPUs alone. CPU and memory are measured and then left out.
#   Without a GPU it is 0, and nothing warns. The monitor's CSV log has columns for GPUs only.
# Consequence: energy for each token of a CPU backend comes out as zero. In a comparison of backends,
#   the one that moves work from the GPU to the CPU looks better than it is. With the log file alone,
#   the CPU's energy is lost.
# Workaround: add up `gpu_energy`, `cpu_energy` and `dram_energy` yourself (the last two may be None),
#   and write your own log.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check --no-compile zeus==0.16.0

venv/bin/python - <<'PY'
import sys
from pathlib import Path

from zeus.monitor.energy import Measurement, ZeusMonitor

mixed = Measurement(time=1.0, gpu_energy={0: 100.0}, cpu_energy={0: 40.0}, dram_energy={0: 5.0})
cpu_only = Measurement(time=1.0, gpu_energy={}, cpu_energy={0: 40.0}, dram_energy={0: 5.0})
print(f"100 J on the GPU, 40 J on the CPU, 5 J in memory: total_energy = {mixed.total_energy} J")
print(f"40 J on the CPU, 5 J in memory: total_energy = {cpu_only.total_energy} J")

ZeusMonitor(gpu_indices=[], log_file="windows.csv")
header = Path("windows.csv").read_text().strip()
print("columns of the log:", header)
if (mixed.total_energy, cpu_only.total_energy) != (100.0, 0) or "cpu" in header:
    sys.exit("CHANGED: zeus now counts CPU or memory in total_energy, or logs them")
PY
echo "as described"
