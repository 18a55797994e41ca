"""Generated markets whose predictability is known exactly.  Everything they produce is SIMULATED.

Calendar, intraday volatility, volatility clusters, jumps, gaps, ticks and volume resemble a CME index future; the
drift is one of `MarketModel`'s, and `SimulatedMarket.p_up` is what the exact forecaster says at each close.  Within
a session a bar opens at the last close, so its direction is exactly the bet's label, sign(open[t+2] - open[t+1]).
Not a model of a real market: with a ceiling of 54 % and more it is far easier than any.
"""

from __future__ import annotations

import datetime as dt
import zoneinfo

import msgspec
import numpy as np
import numpy.typing as npt

from minhos.errors import SettingsError
from minhos.feeds.simulated.model import MarketModel
from minhos.feeds.simulated.oracle import (
    JUMP_PROBABILITY,
    JUMP_SIGMAS,
    drift_persistence,
    oracle_probabilities,
    regime_returns,
)
from minhos.market.calendar import SessionCalendar
from minhos.market.types import BAR_INTERVAL_NS, NANOS_PER_MINUTE, NANOS_PER_SECOND, Bars, Instrument, Ints

__all__ = ["MarketModel", "SimulatedMarket", "simulate"]

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

BARS_PER_SESSION = 276
SUB_STEPS = 30
CLUSTER_SD = 0.35
CLUSTER_HALF_LIFE = 276
LEVERAGE = -0.2
DAILY_GAP_SIGMAS = 2.5
WEEKEND_GAP_SIGMAS = 8.0
WEEKEND_NS = 24 * 60 * NANOS_PER_MINUTE
SESSION_VOLUME = 550_000
"""Contracts in a mean session: a liquid front month of NQ."""

_NEW_YORK = zoneinfo.ZoneInfo("America/New_York")


class SimulatedMarket(msgspec.Struct, frozen=True, eq=False):
    """Bars, and what their exact forecaster sees: z (n,) are standardised returns, broken (n,) says of each bar
    whether it lies after the model's break."""

    model: MarketModel
    bars: Bars
    z: Floats
    broken: Mask

    @property
    def p_up(self) -> Floats:
        """At the close of each bar the exact probability (n,) that the next one's move is up; computed when asked."""
        return oracle_probabilities(self.model, self.z, self.broken)


class _Grid(msgspec.Struct, frozen=True, eq=False):
    """When bars close.  minute: of the New York day at the bar's open.  break_ns: pause before the bar's open."""

    close_time_ns: Ints
    minute: Ints
    break_ns: Ints


class _Streams(msgspec.Struct, frozen=True, eq=False):
    """Independent random streams, so that a longer market begins with the shorter one, bar for bar."""

    path: np.random.Generator
    drift: np.random.Generator
    cluster: np.random.Generator
    jump: np.random.Generator
    gap: np.random.Generator
    volume: np.random.Generator

    @classmethod
    def of(cls, seed: int) -> _Streams:
        return cls(*(np.random.default_rng(s) for s in np.random.SeedSequence(seed).spawn(6)))


def simulate(
    model: MarketModel,
    instrument: Instrument,
    calendar: SessionCalendar,
    start_ns: int,
    n_bars: int,
    *,
    interval_ns: int = BAR_INTERVAL_NS,
) -> SimulatedMarket:
    """The first n_bars bars that open at or after start_ns, on the calendar's sessions.

    Prices start at model.start_points and are rounded to the instrument's ticks.  Volume by side is known and tells
    nothing of the future.  Raises CalendarError where the calendar ends, SettingsError for a break without a time.
    """
    if model.kind == "break" and model.break_time_ns is None:
        raise SettingsError("A market that breaks needs break_time_ns, the time at which it does.")
    grid = _grid(calendar, start_ns, n_bars, interval_ns)
    streams = _Streams.of(model.seed)
    shocks = streams.path.standard_normal((n_bars, SUB_STEPS)) / np.sqrt(SUB_STEPS)
    noise = shocks.sum(axis=1)
    breaks_ns = model.break_time_ns if model.kind == "break" else None
    broken = grid.close_time_ns > (breaks_ns or int(grid.close_time_ns[-1]))
    z = _standard_returns(model, noise, broken, streams.drift)
    cluster = _clusters(noise, streams.cluster)
    season = _season(grid.minute)
    sigma = model.daily_volatility / np.sqrt(BARS_PER_SESSION) / model.volatility_inflation()
    level = sigma * np.exp(cluster - CLUSTER_SD**2)
    gaps = _gaps(grid.break_ns, level * season, streams.gap)
    start = instrument.to_ticks(model.start_points)
    paths = _paths(shocks, z - noise, level * season, streams.jump)
    open_, high, low, close = _prices(paths, gaps, start)
    volume, bid, ask, trades = _volumes(season, cluster, z, streams.volume)
    bars = Bars(
        instrument,
        (f"{instrument.root}-SIM",),
        np.zeros(n_bars, np.int64),
        grid.close_time_ns,
        open_,
        high,
        low,
        close,
        volume,
        bid,
        ask,
        trades,
        interval_ns,
        simulated=True,
    )
    return SimulatedMarket(model, bars, z, broken)


def _grid(calendar: SessionCalendar, start_ns: int, n_bars: int, interval_ns: int) -> _Grid:
    """Bar closes of the sessions from start_ns on."""
    closes, minutes, breaks = [], [], []
    found, last_close, date = 0, 0, calendar.trade_date(start_ns)
    while found < n_bars:
        session = calendar.session_on(date)
        assert session is not None
        close = calendar.expected_closes(session, interval_ns)
        close = close[close - interval_ns >= start_ns]
        pause = np.zeros(len(close), dtype=np.int64)
        if found and len(close):
            pause[0] = session.open_ns - last_close
        closes.append(close)
        breaks.append(pause)
        minutes.append(_minute_of_day(session.open_ns) + (close - interval_ns - session.open_ns) // NANOS_PER_MINUTE)
        found, last_close, date = found + len(close), session.close_ns, calendar.next_trade_date(date)
    columns = (np.concatenate(column)[:n_bars] for column in (closes, minutes, breaks))
    close_time_ns, minute, break_ns = columns
    return _Grid(close_time_ns, minute % 1440, break_ns)


def _minute_of_day(time_ns: int) -> int:
    moment = dt.datetime.fromtimestamp(time_ns // NANOS_PER_SECOND, _NEW_YORK)
    return moment.hour * 60 + moment.minute


def _standard_returns(model: MarketModel, noise: Floats, broken: Mask, rng: np.random.Generator) -> Floats:
    """Returns in units of the bar's volatility, without jumps: hidden drift plus noise."""
    if model.drift == "regime":
        switches = rng.random(len(noise)) < model.q
        return regime_returns(noise, switches, np.where(broken, 0.0, model.strength()))
    if model.drift == "null":
        return noise
    v = model.drift_variance()
    rho = drift_persistence(model, broken)
    steps = rng.standard_normal(len(noise)) * np.sqrt(v * (1.0 - model.rho**2))
    drift, value = [], 0.0
    for step, persistence in zip(steps.tolist(), rho.tolist(), strict=True):
        value = persistence * value + step if persistence else 0.0
        drift.append(value)
    return np.array(drift) + noise


def _clusters(noise: Floats, rng: np.random.Generator) -> Floats:
    """Log volatility: AR(1) with a half-life of one session; falls move it up."""
    decay = 0.5 ** (1.0 / CLUSTER_HALF_LIFE)
    shocks = LEVERAGE * noise + np.sqrt(1.0 - LEVERAGE**2) * rng.standard_normal(len(noise))
    shocks *= CLUSTER_SD * np.sqrt(1.0 - decay**2)
    value, values = 0.0, []
    for shock in shocks.tolist():
        values.append(value)
        value = decay * value + shock
    return np.array(values)


def _season(minute: Ints) -> Floats:
    """Volatility by New York minute of the day, mean square one over a full session."""
    profile = np.full(1440, 0.45)
    profile[180:570] = 0.75
    x = (np.arange(570, 960) - 570) / 390.0
    profile[570:960] = 1.25 + 1.6 * np.exp(-9.0 * x) + 0.6 * np.exp(-9.0 * (1.0 - x))
    profile[960:1080] = 0.55
    profile[510:515] *= 2.0
    traded = np.delete(profile, np.arange(1020, 1080))
    return np.asarray(profile[minute] / np.sqrt(np.mean(traded**2)))


def _gaps(break_ns: Ints, sigma: Floats, rng: np.random.Generator) -> Floats:
    """Log return between a session's close and the next open."""
    sigmas = np.where(break_ns >= WEEKEND_NS, WEEKEND_GAP_SIGMAS, DAILY_GAP_SIGMAS)
    return np.where(break_ns > 0, sigmas * sigma * rng.standard_normal(len(sigma)), 0.0)


def _paths(shocks: Floats, drift: Floats, sigma: Floats, rng: np.random.Generator) -> Floats:
    """Log returns since the bar's open, (n, SUB_STEPS); the drift is constant within the bar.  Reuses `shocks`."""
    draws = rng.random((len(drift), 2))
    sizes = rng.standard_normal(len(drift)) * JUMP_SIGMAS
    shocks += (drift / SUB_STEPS)[:, None]
    for i in np.flatnonzero(draws[:, 0] < JUMP_PROBABILITY):
        shocks[i, int(draws[i, 1] * SUB_STEPS)] += sizes[i]
    np.cumsum(shocks, axis=1, out=shocks)
    shocks *= sigma[:, None]
    return shocks


def _prices(paths: Floats, gaps: Floats, start: int) -> tuple[Ints, Ints, Ints, Ints]:
    """Open, high, low and close in ticks from a start price in ticks."""
    close = np.cumsum(gaps + paths[:, -1])
    open_ = close - paths[:, -1]
    high = open_ + np.maximum(paths.max(axis=1), 0.0)
    low = open_ + np.minimum(paths.min(axis=1), 0.0)
    ticks = [np.rint(start * np.exp(x)).astype(np.int64) for x in (open_, high, low, close)]
    within = np.flatnonzero(gaps == 0.0)[1:]
    ticks[0][within] = ticks[3][within - 1]
    return ticks[0], np.maximum.reduce(ticks), np.minimum.reduce(ticks), ticks[3]


def _volumes(season: Floats, cluster: Floats, z: Floats, rng: np.random.Generator) -> tuple[Ints, Ints, Ints, Ints]:
    """Volume, at bid, at ask, and number of trades; the split between the sides is noise."""
    draws = rng.standard_normal((len(z), 2))
    activity = season**1.5 * np.exp(1.2 * cluster) * (1.0 + 0.25 * np.abs(z)) * np.exp(0.3 * draws[:, 0])
    volume = np.maximum(1, np.rint(SESSION_VOLUME / BARS_PER_SESSION * activity / _MEAN_ACTIVITY)).astype(np.int64)
    ask_share = np.clip(0.5 + 0.06 * draws[:, 1], 0.0, 1.0)
    ask = np.rint(volume * ask_share).astype(np.int64)
    return volume, volume - ask, ask, np.maximum(1, volume * 5 // 9)


def _mean_activity() -> float:
    """Mean of the activity of `_volumes` over a full session: each factor's own mean."""
    minutes = np.delete(np.arange(1440), np.arange(1020, 1080))
    by_season = float(np.mean(_season(minutes) ** 1.5))
    by_cluster = float(np.exp(1.2**2 * CLUSTER_SD**2 / 2.0))
    by_move = 1.0 + 0.25 * float(np.sqrt(2.0 / np.pi))
    return by_season * by_cluster * by_move * float(np.exp(0.3**2 / 2.0))


_MEAN_ACTIVITY = _mean_activity()
