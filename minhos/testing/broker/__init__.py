"""The broker double: a DTC server that remembers its orders in a file."""
