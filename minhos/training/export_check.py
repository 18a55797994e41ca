"""A fitted member becomes ONNX, held against what the library itself forecast.

A graph that fails or disagrees is not shipped, its member is named instead.  The conversion is `export`.
"""

from __future__ import annotations

import numpy as np

from minhos.errors import TrainingError
from minhos.models.serving import ServedMember
from minhos.training.dataset import Dataset
from minhos.training.member import WINDOW_BARS, Floats, Ints, Member

CHECKED_SAMPLES = 256
TOLERANCE = 1e-4
"""Largest difference in probability between a library and its graph; they agree to 1e-6."""


def checked_file(model: Member, data: Dataset, predicted: Ints, p_up: Floats) -> bytes:
    """The model's ONNX file.  predicted: samples that it forecast, p_up: its forecasts of them.

    Raises TrainingError where it cannot be written, cannot be served, or says something else than the library.
    """
    from minhos.training.export import uniform

    n_features = data.rows.shape[1]
    some = np.linspace(0, len(predicted) - 1, min(len(predicted), CHECKED_SAMPLES)).astype(np.int64)
    sample = data.sample(predicted[some])
    try:
        file = uniform(model.export(n_features), n_features)
        served = ServedMember("", file, WINDOW_BARS, n_features)
        answers = served.answers(sample.windows if model.takes == "window" else sample.rows)
    except Exception as error:
        raise TrainingError(f"it could not be written as ONNX: {type(error).__name__}: {error}") from error
    difference = float(np.abs(answers - p_up[some]).max())
    if not difference <= TOLERANCE:
        raise TrainingError(f"its ONNX file differs from the library by {difference:.2g} in probability")
    return file
