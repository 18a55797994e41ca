"""Where orders go: the implementations of the port `minhos.trading.venue.Venue`, and the gate before every broker.

`paper.PaperVenue` fills orders itself, `sierra.venue.SierraVenue` sends them to Sierra Chart.  Which one it is says
`minhos.assembly.venues.make_venue`.  Not for deciding what is ordered, nor for what a fill is worth.
"""
