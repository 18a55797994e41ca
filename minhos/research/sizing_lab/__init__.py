"""Ways to size the same signals against each other: `laboratory.sizing_lab`, in contracts or in fractions of capital.

Not for the size that is traded: that is `minhos.sizing`, which is asked here under other settings.
"""
