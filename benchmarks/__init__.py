"""Side by side with what a user would pick instead: ``python -m benchmarks``.

A benchmark has *sides*, of which ours is one. A round measures each of them once, one after the other,
in an order that changes from round to round; what is reported is the ratio of our figure to a peer's within
the same round, as the median over the rounds with its quartiles. So what slows the machine down slows
both, and no figure depends on how fast it is.
"""
