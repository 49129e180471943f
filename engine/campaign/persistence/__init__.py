"""What a campaign writes: the results folder, a record of each attempt, and what it is made of."""
