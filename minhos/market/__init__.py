"""What is known of the market without any data.  Entry points: `types`, `calendar.SessionCalendar`, `clock.Clock`.

Instruments and symbols, sessions and trade dates, bars and how they are built, the quality of a history and the gate
before it, the roll.  Not for reading data: see `feeds`.
"""
