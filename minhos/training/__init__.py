"""Labels, splits, the five members, calibration and payoff fits, ONNX export."""
