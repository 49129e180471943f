"""The files of a campaign: the results folder, a record of each attempt, and their parts."""
