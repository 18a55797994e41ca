"""A feature of your own: where the close stands in the range that was traded before the US open.

In minhos.toml:  [user] file = "feature_overnight.py".  Models trained from then on have one column more.
"""

from minhos import parts


@parts.features("overnight_position", version="1")
class OvernightPosition:
    """-1 at the bottom of the overnight range, +1 at its top, further out after a break-out."""

    warm_up = 288  # bars until its value is right: a whole session, whatever the hour it starts in

    def __init__(self):
        self.session_open_ns = 0
        self.high = self.low = 0

    def update(self, seen):
        """One closed bar after the other; `seen` holds the bar, its session, spliced prices, ATR and volatility."""
        if seen.session.open_ns != self.session_open_ns:
            self.session_open_ns = seen.session.open_ns
            self.high, self.low = seen.high_ticks, seen.low_ticks
        elif seen.bar.close_time_ns <= seen.session.rth_open_ns:
            self.high, self.low = max(self.high, seen.high_ticks), min(self.low, seen.low_ticks)
        width = self.high - self.low
        return (2 * seen.close_ticks - self.high - self.low) / width if width else 0.0
