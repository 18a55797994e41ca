"""Sierra Chart as a venue, over DTC: `venue.SierraVenue`.

`session` is the connection, `desk` carries out orders, `book` remembers them (with `tracked`, `fills`, `survey`),
`account` looks at the account and flattens it from outside the trader.  Not for prices: CME's do not come over DTC.
"""
