"""The runs of a campaign as values: planned, tried, settled, summarised. No I/O."""
