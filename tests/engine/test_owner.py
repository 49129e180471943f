"""Owners are distinguished by more than a process id."""

import json
import os

import pytest
from attrs import evolve

from engine.ownership.owner import Owner


def test_goes_through_labels_unchanged() -> None:
    here = Owner.current()
    assert Owner.from_labels(here.labels()) == here
    assert here.pid == os.getpid()


def test_labels_of_others_name_no_owner() -> None:
    assert Owner.from_labels({}) is None
    assert Owner.from_labels({"dockwarden.owner.pid": "; rm"}) is None


def test_goes_through_a_file_unchanged() -> None:
    here = Owner.current()
    assert Owner.from_json(json.dumps(here.labels()).encode()) == here


@pytest.mark.parametrize(
    "written",
    [
        b"",
        b"\xff\x00{",
        b"[1, 2]",
        b"5",
        b"null",
        b"[" * 100_000,
        b'{"dockwarden.owner.pid": 5, "dockwarden.owner.host": []}',
        b'{"dockwarden.owner.pid": %s}' % (b"9" * 5000),
        b'{"dockwarden.owner.pid": "%s"}' % (b"9" * 5000),
    ],
)
def test_whatever_else_is_in_a_file_names_no_owner(written: bytes) -> None:
    assert Owner.from_json(written) is None


def test_is_alive_only_as_the_same_process_of_the_same_boot() -> None:
    here = Owner.current()
    assert here.alive
    assert not evolve(here, started="1").alive
    assert not evolve(here, boot_id="another").alive
    assert not evolve(here, pid=2**22 + 1, started="").alive


def test_nobody_here_can_tell_about_another_host() -> None:
    assert evolve(Owner.current(), host="elsewhere").alive
