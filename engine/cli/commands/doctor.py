"""``dockwarden doctor``: whether campaigns can run here."""

from __future__ import annotations

from pathlib import Path

import click

from engine.cli.exit_codes import DONE, FAILED
from engine.cli.options import load, maybe_campaign_argument
from engine.cli.output.messages import show
from engine.util.printable import printable

__all__ = ["doctor"]


@click.command()
@maybe_campaign_argument
def doctor(campaign: Path | None) -> int:
    """Check the Docker engine, Compose, GPUs, NVML and disks; with CAMPAIGN, also its files and images.

    Each line is ok, warn or fail, and says what to do. Exit code: 0 unless a line is fail.

    \b
    Example:
      dockwarden doctor examples/campaign.yml
    """
    from engine.cli.doctor_checks import Level, check_all

    loaded, project = (None, None) if campaign is None else load(campaign)
    findings = list(check_all(loaded, project))
    for finding in findings:
        fix = f"; {finding.fix}" if finding.fix else ""
        show(printable(f"{finding.level.value:4}  {finding.subject}: {finding.what}{fix}"))
    return FAILED if any(finding.level is Level.FAIL for finding in findings) else DONE
