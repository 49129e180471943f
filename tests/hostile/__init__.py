"""Containers that do their worst, on the lab's engine: each trick harms its own experiment, and nothing else.

A trick is a row of a table (:mod:`tests.hostile.tricks`): a name, what it does, the script that its
container runs, and how its experiment may end. A *play* (:mod:`tests.hostile.play`) runs many of them in one
campaign, each followed by a witness, an experiment that only writes down that it ran. A *judge*
(:mod:`tests.hostile.judge`) then checks everything that the tricks were not allowed to reach.
"""
