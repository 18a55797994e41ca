"""The probability that the best of many configurations was chosen by luck (CSCV).

Combinatorially symmetric cross-validation, Bailey, Borwein, Lopez de Prado & Zhu 2017.  One seed without skill can
lie far from one half: judge it over many, or beside the deflated Sharpe ratio.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def _sharpe_ratios(sums: Floats, squares: Floats, counts: Floats) -> Floats:
    """Per-period ratio (ddof 1) from sums over chosen blocks; shape (splits, configurations); 0 without variation."""
    mean = sums / counts
    variance = np.maximum(squares - counts * mean * mean, 0.0) / (counts - 1.0)
    return np.asarray(np.divide(mean, np.sqrt(variance), out=np.zeros_like(mean), where=variance > 0.0))


def cscv_logits(returns: npt.ArrayLike, n_blocks: int = 16) -> Floats:
    """Logit of the relative out-of-sample rank of each in-sample winner; shape (C(n_blocks, n_blocks / 2),).

    returns: shape (periods, configurations), at least two of each in every block.  rank = (number worse + 1) /
    (configurations + 1), so that the logit is finite.
    """
    x = np.asarray(returns, dtype=np.float64)
    if x.ndim != 2 or x.shape[1] < 2:
        raise ValueError(f"returns must have shape (periods, configurations >= 2), got {x.shape}")
    if n_blocks < 2 or n_blocks % 2 or x.shape[0] < 2 * n_blocks:
        raise ValueError(f"n_blocks must be even, from 2 to half of the {x.shape[0]} periods, got {n_blocks}")
    blocks = np.array_split(x, n_blocks)
    sums = np.array([block.sum(axis=0) for block in blocks])
    squares = np.array([(block**2).sum(axis=0) for block in blocks])
    counts = np.array([[float(len(block))] for block in blocks])
    picks = np.array(list(combinations(range(n_blocks), n_blocks // 2)))
    chosen = np.zeros((len(picks), n_blocks))
    np.put_along_axis(chosen, picks, 1.0, axis=1)
    inside = _sharpe_ratios(chosen @ sums, chosen @ squares, chosen @ counts)
    rest = 1.0 - chosen
    outside = _sharpe_ratios(rest @ sums, rest @ squares, rest @ counts)
    best = inside.argmax(axis=1)
    worse = (outside < outside[np.arange(len(best)), best][:, None]).sum(axis=1)
    rank = (worse + 1.0) / (x.shape[1] + 1.0)
    return np.asarray(np.log(rank / (1.0 - rank)))


def probability_of_backtest_overfitting(returns: npt.ArrayLike, n_blocks: int = 16) -> float:
    """Share of splits in which the in-sample winner ranks in the lower half out of sample.

    returns: shape (periods, configurations), one column for every configuration that was tried.
    """
    return float((cscv_logits(returns, n_blocks) <= 0.0).mean())
