"""Serving: an observation in, a `Forecast` out, in a few tenths of a millisecond and always the same bits.

Each member is an ONNX graph with one float32 input, (n, F) for a row or (n, window, F) for a window, and the
output `p_up`, float32 (n, 1).  One thread, no state between calls: what live trading computes is what a backtest
computes.  A member that fails is named and left out; NaN never reaches a model, because ONNX forests answer it
with a wrong number instead of an error.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import onnxruntime as ort

from minhos.errors import ModelError
from minhos.features.types import Floats, Observation
from minhos.models.bundle import Bundle
from minhos.models.combine import agreement, combine, is_probability
from minhos.models.forecast import Forecast

ort.disable_telemetry_events()  # where its environment variable is not heeded, as on Windows

OUTPUT = "p_up"
WARM_UP_CALLS = 10


class ServedMember:
    """One model of a bundle as an ONNX Runtime session.  Raises ModelError when it does not fit the bundle."""

    def __init__(self, name: str, onnx: bytes, window: int, n_features: int) -> None:
        options = ort.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
        options.log_severity_level = 3
        self.name = name
        self._session = ort.InferenceSession(onnx, options, providers=["CPUExecutionProvider"])
        (source,) = self._session.get_inputs()
        shape = source.shape[1:]
        if shape not in ([n_features], [window, n_features]) or source.type != "tensor(float)":
            raise ModelError(f"its input is {source.type} {source.shape}, not float rows of {n_features} features")
        self._input = source.name
        self._takes_window = len(shape) == 2

    def p_up(self, row: Floats, window: Floats) -> float:
        """Its raw probability of "up" for a row (1, F) and a window (1, window, F)."""
        return float(self.answers(window if self._takes_window else row)[0])

    def answers(self, inputs: Floats) -> Floats:
        """The same for each of n rows (n, F), or windows where it takes these; shape (n,)."""
        found: Floats = self._session.run([OUTPUT], {self._input: inputs})[0]
        return found[:, 0]


class Forecaster:
    """A bundle, loaded and ready.  Members that cannot be loaded are named in every forecast's `missing`.

    Raises ModelError when no member can be loaded.  `failures` has the last reason of each member that failed.
    """

    def __init__(self, bundle: Bundle) -> None:
        manifest = bundle.manifest
        self.bundle = bundle
        self.failures: dict[str, str] = {}
        self._weights = manifest.weights
        self._calibrator = manifest.calibrator
        self._shape = (manifest.window, len(manifest.feature_names))
        self._members: list[ServedMember] = []
        for name in manifest.weights:
            if name not in bundle.members:
                self.failures[name] = "it is not in the bundle"
                continue
            try:
                self._members.append(ServedMember(name, bundle.members[name], *self._shape))
            except Exception as error:  # a file that ONNX Runtime refuses must not take the other models with it
                self.failures[name] = f"it cannot be loaded: {error}"
        if not self._members:
            reasons = "; ".join(f"{name}: {why}" for name, why in self.failures.items())
            raise ModelError(f"No model of bundle {bundle.id} can be used ({reasons}).")

    def warm(self) -> None:
        """Call every model a few times on a quiet market, so that the first real bar is as fast as the others."""
        window = np.zeros(self._shape, dtype=np.float32)
        for _ in range(WARM_UP_CALLS):
            self._ask(window[-1], window)

    def forecast(self, observation: Observation) -> Forecast:
        """The forecast at that bar's close; errors as in `predict`."""
        return self.predict(observation.symbol, observation.close_time_ns, observation.row, observation.window)

    def predict(self, symbol: str, close_time_ns: int, row: Floats, window: Floats) -> Forecast:
        """The forecast for a row (n_features,) and the window (window, n_features) that ends in it.

        Raises ModelError for another shape or a value that is not finite, and when no member gives a probability.
        """
        self._check(symbol, row, window)
        members, missing = self._ask(row, window)
        score = combine(members, self._weights)
        p_up = self._calibrator.p_up(score)
        side = (p_up > 0.5) - (p_up < 0.5)
        return Forecast(
            symbol=symbol,
            close_time_ns=close_time_ns,
            members=members,
            score=score,
            p_up=p_up,
            p_low=self._calibrator.p_low(score),
            side=side,
            agreement=agreement(members, side),
            bundle_id=self.bundle.id,
            missing=missing,
        )

    def _ask(self, row: Floats, window: Floats) -> tuple[dict[str, float], tuple[str, ...]]:
        rows = np.ascontiguousarray(row, dtype=np.float32)[np.newaxis]
        windows = np.ascontiguousarray(window, dtype=np.float32)[np.newaxis]
        answers: dict[str, float] = {}
        for member in self._members:
            try:
                p = member.p_up(rows, windows)
            except Exception as error:  # whatever ONNX Runtime raises, the other models still answer
                self.failures[member.name] = f"it failed: {error}"
                continue
            if is_probability(p):
                answers[member.name] = p
            else:
                self.failures[member.name] = f"it answered {p}, which is no probability"
        return answers, tuple(name for name in self._weights if name not in answers)

    def _check(self, symbol: str, row: Floats, window: Floats) -> None:
        if window.shape != self._shape or row.shape != self._shape[1:]:
            raise ModelError(
                f"{symbol}: row {row.shape} and window {window.shape} do not fit bundle {self.bundle.id}, "
                f"which needs windows of {self._shape}."
            )
        if not (np.isfinite(row).all() and np.isfinite(window).all()):
            names = self.bundle.manifest.feature_names
            wrong: npt.NDArray[np.bool_] = ~(np.isfinite(row) & np.isfinite(window).all(axis=0))
            which = ", ".join(name for name, bad in zip(names, wrong, strict=True) if bad)
            raise ModelError(f"{symbol}: not finite: {which}; no forecast for this bar.")
