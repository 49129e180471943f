"""What a campaign writes, and how an interrupted one is resumed from it."""
