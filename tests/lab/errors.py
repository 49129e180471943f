"""What can go wrong with the lab, in two kinds that a caller treats differently."""

__all__ = ["LabError", "LabFailed", "LabUnavailable"]


class LabError(Exception):
    """Base of every error of the lab; its text is one paragraph meant for a person."""


class LabUnavailable(LabError):
    """A private engine cannot be had on this machine; tests that need one are skipped."""


class LabFailed(LabError):
    """The machine should have been able to, and did not; this deserves to be looked into."""
