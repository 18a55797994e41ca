"""Bad days through the engine, with forecasts that always bet: `suite.run_scenarios`.

Says what the settings would do, nothing of an edge: the market is generated and the forecasts are made up.
"""
