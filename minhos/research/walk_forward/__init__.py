"""Training again and again along the time axis: `walk.walk_forward`; over paths of left-out blocks: `combinatorial`.

Not for one training and the bars after it: `minhos.studies.studies.holdout_study`.
"""
