"""Where bars come from.  Entry points: the port `port.Feed` for what is followed, `files.load` for what is finished.

Not for judging data (`market.quality`, `market.gate`), nor for choosing a feed by the settings (`assembly.feeds`).
"""
