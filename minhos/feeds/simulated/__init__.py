"""Generated markets with a known answer.  Entry points: `market.simulate`, and `feed.SimulatedFeed` at a set pace.

Not for judging models: what a forecast is worth here says nothing of a real market.
"""
