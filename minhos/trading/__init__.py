"""From a bar that closed to an order at the venue.  The way in is `engine.Engine`; what it decides is `decide.decide`.

Events, the one state that is folded from them, the table of order states, settlement with a broker, and the port
`venue.Venue`.  Not for how to size (`sizing`), what may be held (`risk`) or how a venue works (`venues`).
"""
