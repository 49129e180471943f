"""How long a campaign will take: from declarations, earlier runs, and the runs so far."""
