"""Files of bars in the dialects of vendors, written by rules that share nothing with the reader.

`drawn` makes a dialect from random choices, `write` a file of a known series in it, `judge` what the reader made of it.
"""
