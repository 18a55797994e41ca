"""The LSTM member: two layers over the last 60 bars of features, and a linear head that also sees the last row.

Bars carry next to no signal, so three habits matter.  The network learns from the last `span` bars of every window
at once, each bar once an epoch, which costs a sixth of a window per bar instead of a whole one.  What is
kept is the running mean of the weights, not the last step's.  And early stopping looks at the log loss, never at
accuracy.  Not for choosing among seeds or for calibration; `export` turns a fit into ONNX.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager

import msgspec
import numpy as np
import torch
from torch import nn

from minhos.errors import TrainingError
from minhos.training.member import Floats, Ints, Rows, Sample


class LstmParameters(msgspec.Struct, frozen=True):
    """How the network looks and how it is trained.

    hidden, layers, window: the network.  clip: standard deviations that a standardised feature is held inside.
    batch: windows a step at least; more where an epoch would take over max_steps, so that more data means less noise
    in a step instead of more steps.  span: bars at a window's end that are learnt from.  learning_rate: peak of one
    warm-up and cosine decay over max_epochs; a timid one never leaves what a straight line finds.  mean_share:
    weight of the newest step in the running mean of the weights.  patience: epochs without a better validation log
    loss before it ends.  time_budget_s: CPU seconds after which no further epoch starts.  device: "cpu", or "cuda".
    The same seed gives the same weights on a CPU, as long as the time budget does not bind.
    """

    hidden: int = 32
    layers: int = 2
    window: int = 60
    clip: float = 6.0
    batch: int = 64
    max_steps: int = 40
    span: int = 10
    learning_rate: float = 1e-2
    weight_decay: float = 1e-2
    dropout: float = 0.3
    gradient_norm: float = 1.0
    mean_share: float = 0.02
    max_epochs: int = 8
    patience: int = 3
    time_budget_s: float | None = None
    device: str = "cpu"


class LstmFit(msgspec.Struct, frozen=True, eq=False):
    """A trained network as plain arrays.

    weights: torch's names and shapes.  mean, std: shape (n_features,), from the rows of training windows only.
    validation_log_loss: in nats a bar, NaN without validation bars.  epochs: of the weights that were kept.
    """

    weights: dict[str, Rows]
    mean: Rows
    std: Rows
    validation_log_loss: float
    epochs: int
    seed: int
    parameters: LstmParameters


class Network(nn.Module):
    """Standardised windows (window, batch, n_features) to logits of "up" at every step, (window, batch)."""

    def __init__(self, n_features: int, parameters: LstmParameters) -> None:
        super().__init__()
        hidden = parameters.hidden
        self.lstm = nn.LSTM(n_features, hidden, parameters.layers, dropout=parameters.dropout)
        self.dropout = nn.Dropout(parameters.dropout)
        self.head = nn.Linear(hidden + n_features, 1)
        for name, weight in self.lstm.named_parameters():
            if "weight_hh" in name:
                nn.init.orthogonal_(weight)
            elif "bias_ih" in name:  # forget gates start open, so that gradients reach back
                nn.init.zeros_(weight)
                nn.init.ones_(weight[hidden : 2 * hidden])
            elif "bias" in name:
                nn.init.zeros_(weight)
        nn.init.zeros_(self.head.weight)  # every probability starts at one half
        nn.init.zeros_(self.head.bias)

    def forward(self, windows: torch.Tensor, last: int) -> torch.Tensor:
        """Logits of the last `last` steps, shape (last, batch)."""
        states, _ = self.lstm(windows)
        seen = torch.cat([self.dropout(states[-last:]), windows[-last:]], dim=2)
        logits: torch.Tensor = self.head(seen).squeeze(2)
        return logits


class _Labels(msgspec.Struct, frozen=True, eq=False):
    """The bars to learn from, spread over all rows: up and weight have shape (n_rows,), weight 0 elsewhere."""

    ends: Ints
    up: torch.Tensor
    weight: torch.Tensor


def fit_lstm(train: Sample, validation: Sample | None, seed: int, parameters: LstmParameters | None = None) -> LstmFit:
    """Train one network on the windows that end in those bars; every window must be finite.

    validation: of the same history, for early stopping; without it all epochs run.  The same seed gives the same
    weights.  Raises TrainingError.
    """
    parameters = parameters or LstmParameters()
    rows, none = train.history, np.zeros(0, dtype=np.int64)
    newest = validation or Sample(rows, none, np.zeros(0), np.zeros(0))
    _check(rows, np.concatenate([train.bar, newest.bar]), parameters.window)
    mean, std = _standardisation(rows, train.bar, parameters.window)
    with _reproducible(seed, parameters.device):
        x = _standardised(rows, mean, std, parameters.clip).to(parameters.device)
        labels, stop = _labels(x, train, train.weight), _labels(x, newest, np.ones(len(newest)))
        network = Network(x.shape[1], parameters).to(parameters.device)
        weights, epochs = _train(network, x, labels, stop, seed, parameters)
    fit = LstmFit(weights, mean, std, math.nan, epochs, seed, parameters)
    if len(newest):
        p = np.clip(predict_lstm(fit, rows, newest.bar), 1e-7, 1 - 1e-7)
        up = newest.up
        loss = float(-(up * np.log(p) + (1 - up) * np.log1p(-p)).mean())
        fit = msgspec.structs.replace(fit, validation_log_loss=loss)
    return fit


def predict_lstm(fit: LstmFit, rows: Rows, ends: Ints, *, batch: int = 512) -> Floats:
    """Probability of "up" at each end, shape (m,), float64; one whole window each, as in serving."""
    _check(rows, ends, fit.parameters.window)
    network = Network(rows.shape[1], fit.parameters)
    network.load_state_dict({name: torch.from_numpy(w.copy()) for name, w in fit.weights.items()})
    network.eval()
    x = _standardised(rows, fit.mean, fit.std, fit.parameters.clip)
    steps = torch.arange(1 - fit.parameters.window, 1)[:, None]
    answer = np.empty(len(ends))
    with _reproducible(fit.seed, "cpu"), torch.inference_mode():
        for start in range(0, len(ends), batch):
            some = torch.from_numpy(ends[start : start + batch])
            answer[start : start + batch] = torch.sigmoid(network(x[steps + some], 1)[0]).numpy()
    return answer


def _train(
    network: Network,
    x: torch.Tensor,
    labels: _Labels,
    validation: _Labels,
    seed: int,
    parameters: LstmParameters,
) -> tuple[dict[str, Rows], int]:
    """The running mean of the weights at the best epoch, and that epoch's number."""
    rng = np.random.default_rng(seed)
    optimizer = torch.optim.AdamW(network.parameters(), weight_decay=parameters.weight_decay)
    # torch leaves this one and `backward` without types
    keep_old = torch.optim.swa_utils.get_ema_multi_avg_fn(1 - parameters.mean_share)  # type: ignore[no-untyped-call]
    mean = torch.optim.swa_utils.AveragedModel(network, multi_avg_fn=keep_old)
    best, best_loss, best_epoch = _arrays(network), math.inf, 0
    started = time.process_time()
    for epoch in range(1, parameters.max_epochs + 1):
        network.train()
        batches = list(_batches(labels.ends, parameters, rng))
        for step, (ends, offset) in enumerate(batches):
            optimizer.param_groups[0]["lr"] = _rate(
                (epoch - 1 + (step + 1) / len(batches)) / parameters.max_epochs, parameters
            )
            optimizer.zero_grad()
            _loss(network, x, labels, ends, offset, parameters).backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(network.parameters(), parameters.gradient_norm)
            optimizer.step()
            mean.update_parameters(network)
        loss = _mean_loss(mean.module, x, validation, parameters)
        if not len(validation.ends) or loss < best_loss:
            best, best_loss, best_epoch = _arrays(mean.module), loss, epoch
        budget = parameters.time_budget_s
        out_of_time = budget is not None and time.process_time() - started > budget
        if out_of_time or epoch - best_epoch >= parameters.patience:
            break
    if best_epoch == 0 or not all(np.isfinite(w).all() for w in best.values()):
        raise TrainingError(f"The LSTM (seed {seed}) diverged; lower its learning rate.")
    return best, best_epoch


def _rate(share: float, parameters: LstmParameters) -> float:
    """Learning rate after that share of all steps: up over the first tenth, then down along a cosine."""
    warm_up = 0.1
    if share < warm_up:
        return parameters.learning_rate * share / warm_up
    return parameters.learning_rate * 0.5 * (1.0 + math.cos(math.pi * (share - warm_up) / (1.0 - warm_up)))


def _segments(ends: Ints, span: int, offset: int) -> Ints:
    """The last end in each stretch of `span` rows; the windows that end there cover every end once."""
    ordered = np.unique(ends)
    stretch = (ordered + offset) // span
    return ordered[np.flatnonzero(np.diff(stretch, append=-1))]


def _batches(ends: Ints, parameters: LstmParameters, rng: np.random.Generator) -> Iterator[tuple[torch.Tensor, int]]:
    offset = int(rng.integers(parameters.span))
    order = rng.permutation(_segments(ends, parameters.span, offset))
    batch = max(parameters.batch, -(-len(order) // parameters.max_steps))
    for start in range(0, len(order), batch):
        yield torch.from_numpy(order[start : start + batch]), offset


def _loss(
    network: nn.Module,
    x: torch.Tensor,
    labels: _Labels,
    ends: torch.Tensor,
    offset: int,
    parameters: LstmParameters,
    *,
    mean: bool = True,
) -> torch.Tensor:
    """Weighted log loss of the bars that share a stretch with the end of their window."""
    ends = ends.to(x.device)
    steps = torch.arange(1 - parameters.window, 1, device=x.device)[:, None] + ends
    logits = network(x[steps], parameters.span)
    learnt = steps[-parameters.span :]
    same_stretch = (learnt + offset) // parameters.span == (ends + offset) // parameters.span
    weight = labels.weight[learnt] * same_stretch
    total = nn.functional.binary_cross_entropy_with_logits(logits, labels.up[learnt], weight, reduction="sum")
    return total / weight.sum().clamp_min(1e-12) if mean else total


@torch.inference_mode()
def _mean_loss(network: nn.Module, x: torch.Tensor, labels: _Labels, parameters: LstmParameters) -> float:
    if not len(labels.ends):
        return math.nan
    network.eval()
    segments = torch.from_numpy(_segments(labels.ends, parameters.span, 0))
    parts = torch.split(segments, 256)
    total = sum(float(_loss(network, x, labels, some, 0, parameters, mean=False)) for some in parts)
    return total / len(np.unique(labels.ends))


def _labels(x: torch.Tensor, sample: Sample, weight: Floats) -> _Labels:
    spread = np.zeros((2, len(x)), dtype=np.float32)
    spread[0, sample.bar] = sample.up
    spread[1, sample.bar] = weight
    up, weights = torch.from_numpy(spread).to(x.device)
    return _Labels(sample.bar, up, weights)


def _standardisation(rows: Rows, ends: Ints, window: int) -> tuple[Rows, Rows]:
    """Mean and standard deviation of the rows that lie in a training window; a constant feature keeps deviation 1."""
    change = np.zeros(len(rows) + 1, dtype=np.int64)
    np.add.at(change, ends - window + 1, 1)
    np.add.at(change, ends + 1, -1)
    used = rows[np.cumsum(change[:-1]) > 0].astype(np.float64)
    std = used.std(axis=0)
    std[std < 1e-9] = 1.0
    return used.mean(axis=0).astype(np.float32), std.astype(np.float32)


def _standardised(rows: Rows, mean: Rows, std: Rows, clip: float) -> torch.Tensor:
    return torch.from_numpy(np.clip((rows - mean) / std, -clip, clip))


def _arrays(network: nn.Module) -> dict[str, Rows]:
    return {name: w.detach().cpu().numpy().copy() for name, w in network.state_dict().items()}


def _check(rows: Rows, ends: Ints, window: int) -> None:
    if not len(ends) or ends.min() < window - 1 or ends.max() >= len(rows):
        raise TrainingError(f"The LSTM needs windows of {window} rows inside the {len(rows)} that there are.")
    broken = np.concatenate([[0], np.cumsum(~np.isfinite(rows).all(axis=1))])
    if (broken[ends + 1] > broken[ends + 1 - window]).any():
        raise TrainingError("A window of the LSTM holds a value that is not finite; leave out the bars that warm up.")


@contextmanager
def _reproducible(seed: int, device: str) -> Iterator[None]:
    """One thread, seeded, deterministic algorithms; what was set before is set again."""
    if device != "cpu" and not torch.cuda.is_available():
        raise TrainingError(f"There is no device {device!r} for the LSTM here; train with device cpu.")
    threads, deterministic = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    with torch.random.fork_rng():
        torch.set_num_threads(1)
        torch.use_deterministic_algorithms(device == "cpu")
        torch.manual_seed(seed)
        try:
            yield
        finally:
            torch.use_deterministic_algorithms(deterministic)
            torch.set_num_threads(threads)
