"""Fitted members become ONNX, and each is held against what the library itself forecast.

The conversion is `export`; a graph that fails or disagrees is not shipped, its member is named instead.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from minhos.training.dataset import WINDOW_BARS, Dataset
from minhos.training.jobs import Outcome
from minhos.training.members import LSTM

CHECKED_SAMPLES = 256
TOLERANCE = 1e-4
"""Largest difference in probability between a library and its graph; they agree to 1e-6."""


def export_members(final: Mapping[str, Outcome], data: Dataset) -> tuple[dict[str, bytes], dict[str, str]]:
    """(ONNX file of each member, members that could not be exported and why)."""
    files, failed = {}, {}
    for name, outcome in final.items():
        try:
            graph = _export(name, outcome, data.rows.shape[1])
            difference = _difference(name, graph, outcome, data)
        except Exception as error:
            failed[name] = f"it could not be written as ONNX: {type(error).__name__}: {error}"
            continue
        if difference <= TOLERANCE:
            files[name] = graph
        else:
            failed[name] = f"its ONNX file differs from the library by {difference:.2g} in probability"
    return files, failed


def _export(name: str, outcome: Outcome, n_features: int) -> bytes:
    from minhos.training.export import lstm_to_onnx, tree_to_onnx

    return lstm_to_onnx(outcome.model) if name == LSTM else tree_to_onnx(name, outcome.model.model, n_features)


def _difference(name: str, graph: bytes, outcome: Outcome, data: Dataset) -> float:
    """Largest difference on some of the forecast samples; NaN, which no tolerance admits, if the graph says NaN."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    n = len(outcome.job.predict)
    some = np.linspace(0, n - 1, min(n, CHECKED_SAMPLES)).astype(np.int64)
    bar = data.bar[outcome.job.predict[some]]
    answer = session.run(None, {session.get_inputs()[0].name: _inputs(name, data.rows, bar)})[0]
    return float(np.abs(np.asarray(answer, dtype=float).reshape(len(some)) - np.asarray(outcome.p_up)[some]).max())


def _inputs(name: str, rows: npt.NDArray[np.float32], bar: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
    """Rows (n, n_features) for a tree, windows (n, 60, n_features) for the LSTM."""
    return rows[bar[:, None] + np.arange(1 - WINDOW_BARS, 1)] if name == LSTM else rows[bar]
