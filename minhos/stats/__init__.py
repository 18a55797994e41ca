"""Pure statistics: intervals, e-processes, Sharpe tests, calibration measures."""
