"""What stops, flattens, drills and arms, also where no trader runs; `stop.stop_trading` is the way in.

Not for the limits of a trader that runs: those are `minhos.risk`.
"""
