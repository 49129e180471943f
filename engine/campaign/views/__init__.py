"""A campaign as people and programs see it: a snapshot while it runs, a summary when it has ended."""
