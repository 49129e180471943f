#!/usr/bin/env bash
# codecarbon 3.3.2 (downloads 52 MB)
#
# Expected: `tracking_mode="machine"` estimates the power of the whole machine, and "process" isolates
#   the part of the tracked process. A part is not larger than the whole.
# Seen: without a sensor (RAPL is not readable in most containers and virtual machines), the CPU is
#   estimated from its load and its thermal design power, by two different laws. The machine's
#   estimate is 10 % of the design power plus a part that grows with the cube of the load. The
#   process's estimate grows in proportion to its load, from zero.
# Consequence: on a CPU of 100 W, of which one process uses half, the machine draws 21 W and the
#   process alone draws 50 W. Results of the two modes cannot be compared, and an idle baseline of
#   one mode cannot be subtracted from a run in the other. At full load both say 100 W, so a short
#   test that burns all cores does not show it.
# Workaround: use one mode throughout a campaign, and note the mode and the CPU's tracking method
#   with each result. Where you can, make RAPL readable.
#
# Both estimators get the same load: half of the cores busy, all of that by the tracked process.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check --no-compile codecarbon==3.3.2

venv/bin/python - <<'PY'
import sys
from collections import namedtuple
from types import SimpleNamespace

import psutil
from codecarbon.external import hardware

SECONDS, CORES = 10.0, psutil.cpu_count()
BUSY = SECONDS * CORES / 2
Times = namedtuple("Times", "user system idle")

wall = iter([0.0, SECONDS])
machine_times = iter([Times(0, 0, 0), Times(BUSY, 0, BUSY)])
process_times = iter([{1: 0.0}, {1: BUSY}])
hardware.time = SimpleNamespace(time=lambda: next(wall), sleep=lambda _: None)
psutil.cpu_times = lambda: next(machine_times)


def estimator(mode):
    return hardware.CPU(".", "cpu_load", "Example CPU", 100, tracking_mode=mode)


machine, process = estimator("machine"), estimator("process")
process._get_process_cpu_times = lambda: next(process_times)

machine_w = machine._get_power_from_cpu_load().W
process._get_power_from_cpu_load()  # the first reading is the baseline
process_w = process._get_power_from_cpu_load().W
print(f"whole machine: {machine_w:.2f} W; one process on it: {process_w:.2f} W")
if round(machine_w, 2) != 21.25 or round(process_w, 2) != 50.0:
    sys.exit("CHANGED: codecarbon estimates a machine or a process by another law")
PY
echo "as described"
