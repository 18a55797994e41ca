"""Research on recorded or simulated bars: `backtest.run_backtest`, `replay.replay`, `compare.compare`.

What is measured, tried and shown of them is in the packages beside these.  Settings, the home and the trial ledger
are not known here: a whole study, from settings to result, is in `minhos.studies`.
"""
