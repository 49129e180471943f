"""Which GPUs services reserve, by all the ways that a compose file has, and whether two reserve the same ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from engine.compose import load_project
from engine.policy.gpu_reservation import Overlap, overlap, reservations

NO, PERHAPS, YES = Overlap.NO, Overlap.PERHAPS, Overlap.YES


def requests(**entry: Any) -> dict[str, Any]:
    device = {"capabilities": ["gpu"], **entry}
    return {"deploy": {"resources": {"reservations": {"devices": [device]}}}}


def runtime(**environment: str) -> dict[str, Any]:
    return {"runtime": "nvidia", "environment": environment}


NONE: dict[str, Any] = {}
ALL = requests(count="all")
ZERO = requests(device_ids=["0"])
ONE = requests(device_ids=["1"])
BOTH = requests(device_ids=["0", "1"])
ANY = requests(count=1)
SLICE = requests(device_ids=["0:0"])
OTHER_SLICE = requests(device_ids=["0:1"])
BY_UUID = requests(device_ids=["GPU-8f2a11c0-77aa"])
SHORT_UUID = requests(device_ids=["GPU-8f2a"])
OTHER_UUID = requests(device_ids=["GPU-02b4"])
MIG, OTHER_MIG = (requests(device_ids=[f"MIG-{name}"]) for name in ("c5", "d6"))
CDI = {"devices": ["nvidia.com/gpu=0"]}
CDI_ALL = {"devices": ["nvidia.com/gpu=all"]}
CDI_REQUEST = requests(driver="cdi", device_ids=["nvidia.com/gpu=1"])
AMD = {"devices": ["amd.com/gpu=0"]}
ROCM = {"devices": ["/dev/kfd", "/dev/dri"]}
RENDER, OTHER_RENDER = ({"devices": [f"/dev/dri/renderD{n}"]} for n in (128, 129))
VISIBLE = runtime(NVIDIA_VISIBLE_DEVICES="0")
VISIBLE_ALL = runtime(NVIDIA_VISIBLE_DEVICES="all")
HIDDEN = runtime(NVIDIA_VISIBLE_DEVICES="void")

PAIRS = [
    (NONE, ALL, NO),
    (ALL, ALL, YES),
    (ALL, {"gpus": "all"}, YES),
    (ALL, ONE, YES),
    (ALL, ANY, YES),
    (ALL, requests(), YES),  # without a count it is all of them
    (ZERO, ZERO, YES),
    (ZERO, ONE, NO),
    (BOTH, ONE, YES),
    (ANY, ANY, PERHAPS),
    (ANY, ONE, PERHAPS),
    (requests(count=0), ALL, NO),
    (SLICE, ZERO, YES),
    (SLICE, ONE, NO),
    (SLICE, OTHER_SLICE, NO),
    (SLICE, SLICE, YES),
    (BY_UUID, SHORT_UUID, YES),
    (BY_UUID, OTHER_UUID, NO),
    (BY_UUID, ZERO, PERHAPS),
    (MIG, OTHER_MIG, NO),
    (MIG, MIG, YES),
    (MIG, BY_UUID, PERHAPS),
    (MIG, ALL, YES),
    (CDI, ZERO, YES),
    (CDI, ONE, NO),
    (CDI, CDI_ALL, YES),
    (CDI, CDI_REQUEST, NO),
    (CDI, AMD, NO),
    (AMD, ROCM, PERHAPS),
    (ROCM, ROCM, YES),
    (ROCM, ALL, NO),
    (ROCM, RENDER, YES),
    (RENDER, OTHER_RENDER, NO),
    (requests(driver="amd", count="all"), AMD, YES),
    (VISIBLE, ZERO, YES),
    (VISIBLE, ONE, NO),
    (VISIBLE_ALL, ONE, YES),
    (HIDDEN, ALL, NO),
    (runtime(), ONE, PERHAPS),  # its image says which
    (runtime(), ALL, PERHAPS),
    (runtime(NVIDIA_VISIBLE_DEVICES="nvidia.com/gpu=1"), ONE, YES),
    ({**VISIBLE_ALL, **ZERO}, ONE, NO),  # a request sets the variable
    ({"environment": {"NVIDIA_VISIBLE_DEVICES": "all"}}, ALL, NO),  # nothing heeds it
    (requests(capabilities=["tpu"], count="all"), ALL, NO),
    ({"devices": ["vendor.com/net=eth0"]}, ALL, NO),
]


def reserved(folder: Path, *services: dict[str, Any]) -> list[tuple[Any, ...]]:
    file = folder / "docker-compose.yml"
    named = {f"s{n}": {"image": "x", **one} for n, one in enumerate(services)}
    file.write_text(json.dumps({"services": named}))
    project = load_project(file)
    return [reservations(project.services[f"s{n}"]) for n in range(len(services))]


@pytest.mark.parametrize(("one", "other", "expected"), PAIRS)
def test_whether_two_services_reserve_the_same_gpus(
    tmp_path: Path, one: dict[str, Any], other: dict[str, Any], expected: Overlap
) -> None:
    mine, theirs = reserved(tmp_path, one, other)
    assert overlap(mine, theirs) is expected
    assert overlap(theirs, mine) is expected


@pytest.mark.parametrize(
    ("service", "words"),
    [
        (ALL, "all GPUs"),
        (BOTH, "GPUs 0, 1"),
        (ZERO, "GPU 0"),
        (ANY, "1 GPU, which the engine chooses"),
        (runtime(), "the GPUs that its image names (NVIDIA_VISIBLE_DEVICES)"),
    ],
)
def test_a_reservation_in_words(tmp_path: Path, service: dict[str, Any], words: str) -> None:
    ((found,),) = reserved(tmp_path, service)
    assert str(found) == words
