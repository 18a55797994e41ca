"""What is measured of forecasts, of the shadow book and of costs: `prediction.prediction`, `edge.edge`, `costs.costs`.

Numbers only: sizes are the sizing laboratory's, words the report's.
"""
