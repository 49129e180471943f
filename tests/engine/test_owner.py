"""Owners are told apart by more than a process id."""

import os

from attrs import evolve

from engine.owner import Owner


def test_goes_through_labels_unchanged() -> None:
    here = Owner.current()
    assert Owner.from_labels(here.labels()) == here
    assert here.pid == os.getpid()


def test_labels_of_others_name_no_owner() -> None:
    assert Owner.from_labels({}) is None
    assert Owner.from_labels({"dockwarden.owner.pid": "; rm"}) is None


def test_is_alive_only_as_the_same_process_of_the_same_boot() -> None:
    here = Owner.current()
    assert here.alive
    assert not evolve(here, started="1").alive
    assert not evolve(here, boot_id="another").alive
    assert not evolve(here, pid=2**22 + 1, started="").alive


def test_nobody_here_can_tell_about_another_host() -> None:
    assert evolve(Owner.current(), host="elsewhere").alive
