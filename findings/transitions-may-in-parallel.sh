#!/usr/bin/env bash
# transitions 0.9.3 (downloads 0.2 MB)
#
# Expected: `may_<trigger>()` says whether the trigger would run now. The README recommends it for
#   asking before firing. In parallel states, a trigger is tried in every active region.
# Seen: HierarchicalAsyncMachine asks only the first active region. For a trigger that belongs to any
#   other region, `may_<trigger>()` is False, although the trigger runs when it is fired. The
#   synchronous HierarchicalMachine gives the right answer for the same table.
# Consequence: a controller that models container and health as two parallel regions, and asks first,
#   never fires the events of the second region. The order in which the regions are listed decides.
# Workaround: with asyncio, fire the trigger and look at what it returns, or ask a synchronous
#   HierarchicalMachine that is built from the same states and transitions.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check transitions==0.9.3

venv/bin/python - <<'PY'
import asyncio
import sys

from transitions.extensions import HierarchicalMachine
from transitions.extensions.asyncio import HierarchicalAsyncMachine

CONTAINER = {"name": "container", "children": ["idle", "busy"], "initial": "idle"}
HEALTH = {"name": "health", "children": ["good", "bad"], "initial": "good"}
TABLE = {
    "states": [{"name": "up", "parallel": [CONTAINER, HEALTH]}],
    "transitions": [
        {"trigger": "dispatch", "source": "up_container_idle", "dest": "up_container_busy"},
        {"trigger": "degrade", "source": "up_health_good", "dest": "up_health_bad"},
    ],
    "initial": "up",
}


class Backend:
    pass


async def asked_and_fired():
    backend = Backend()
    HierarchicalAsyncMachine(backend, **TABLE)
    may = await backend.may_dispatch(), await backend.may_degrade()
    return *may, await backend.degrade()


plain = Backend()
HierarchicalMachine(plain, **TABLE)
synchronous = plain.may_dispatch(), plain.may_degrade()
first, second, fired = asyncio.run(asked_and_fired())
print("synchronous: may_dispatch, may_degrade =", synchronous)
print("asynchronous: may_dispatch, may_degrade =", (first, second), "; degrade() =", fired)
if synchronous != (True, True) or (first, second, fired) != (True, False, True):
    sys.exit("CHANGED: HierarchicalAsyncMachine now asks every active region")
PY
echo "as described"
