"""What a training found, as values: lines, weeks, calibration, canaries.

`evaluate` measures them, `report` makes them plain.  Not for fitting anything.
"""
