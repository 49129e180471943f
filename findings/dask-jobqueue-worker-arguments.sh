#!/usr/bin/env bash
# dask-jobqueue 0.9.0 with distributed 2026.8.0 (downloads 6 MB)
#
# Expected: `worker_extra_args` is a list of arguments for the worker, so each element arrives as one
#   argument. The worker's own help writes several resources as one text with a blank: "GPU=2 MEM=10e9".
# Seen: the list is joined with blanks into the job script, unquoted. The shell splits the text again:
#   the worker gets `--resources GPU=1` and a further argument "MEM=10e9", which it refuses.
# Consequence: each job is queued, gets its node, and ends at once with a usage error in its own log.
#   The program that asked for the cluster sees no error: it waits for workers that never come. Other
#   texts with blanks, such as paths, are cut in the same way.
# Workaround: separate resources by a comma ("GPU=1,MEM=10e9"; the worker accepts that, although its
#   help does not say so), and pass other texts through shlex.quote().
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check dask-jobqueue==0.9.0 distributed==2026.8.0

venv/bin/python - <<'PY'
import shlex
import sys

import click
from dask_jobqueue.slurm import SLURMJob
from distributed.cli.dask_worker import main


def at_the_worker(resources):
    job = SLURMJob(
        "tcp://127.0.0.1:8786",
        name="worker",
        cores=1,
        memory="1GB",
        worker_extra_args=["--resources", resources],
    )
    line = next(line for line in job.job_script().splitlines() if "dask_worker" in line)
    words = shlex.split(line)  # as the shell of the job does
    try:
        context = main.make_context("dask worker", words[words.index("-m") + 2 :])
    except click.UsageError as error:
        return error.format_message()
    return context.params["resources"]


blank, comma = at_the_worker("GPU=1 MEM=10e9"), at_the_worker("GPU=1,MEM=10e9")
print("with a blank:", blank)
print("with a comma:", comma)
if "MEM=10e9" not in blank or not blank.startswith("Got unexpected"):
    sys.exit("CHANGED: dask-jobqueue now quotes worker_extra_args, or the worker reads them otherwise")
if comma != "GPU=1,MEM=10e9":
    sys.exit("CHANGED: a comma between resources does not arrive")
PY
echo "as described"
