"""Order, fill, position, cash and the P&L of a trade date, folded into an immutable `Account`."""
