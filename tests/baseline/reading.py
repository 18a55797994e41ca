"""What only the parts inside can tell of a journal or a bundle: the account that is folded, and what is forecast.

`python tests/baseline/reading.py FOLDER` writes beside each journal of a record what this code makes of it, and what
the bundle of its home forecasts on made-up rows.

The one file of the baseline that imports parts of the product; whoever moves them changes the imports below and
nothing else.  What a journal or a bundle says must not change with it.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import surface

from minhos.features.types import Observation
from minhos.journal.reader import reader
from minhos.market.calendar import SessionCalendar
from minhos.market.types import Bar, Instrument
from minhos.models.bundle import load_bundle
from minhos.models.serving import Forecaster
from minhos.trading import events as ev
from minhos.trading.recovery import fold
from minhos.trading.state import Observe, TradingState

WINDOW_ROWS = 3
"""Forecasts that are made from the stored rows, one from each of the last ones."""


def folded(journal: Path) -> dict[str, Any]:
    """Account, positions, trades and orders as they follow from the journal."""
    state, orders, trades = TradingState(SessionCalendar.load(), _no_features), {}, []
    with closing(reader(journal)) as source:
        fold(state, _watched(source.records(), state, orders, trades))
    account = msgspec.to_builtins(state.ledger.account())
    pnl = sum(trade["pnl_cents"] for trade in trades)
    return {
        "mode": state.mode,
        "account_name": state.account_name,
        "account": {name: account[name] for name in sorted(account) if name not in ("positions", "instruments")},
        "positions": account["positions"],
        "realised_pnl_cents": pnl,
        "trades": [[t["symbol"], t["side"], t["max_contracts"], t["pnl_cents"], t["exit_role"]] for t in trades],
        "orders": orders,
        "stops": _stops(msgspec.to_builtins(state.risk)),
        "evidence": {name: _evidence(msgspec.to_builtins(each)) for name, each in state.risk.markets.items()},
        "contradiction": state.contradiction,
    }


def _watched(
    records: Iterator[Any], state: TradingState, orders: dict[str, list[Any]], trades: list[dict[str, Any]]
) -> Iterator[Any]:
    """The records one by one; what has become of the orders is noted after each, before the book forgets them."""
    for record in records:
        yield record
        for name, each in state.book.records.items():
            order = each.order
            orders[name] = [
                order.symbol,
                order.side,
                str(order.role.value),
                each.contracts,
                each.filled,
                str(getattr(each.state, "value", each.state)),
                each.reason,
            ]
        if record.kind == "TradeClosed":
            trades.append(msgspec.to_builtins(ev.decode(record.kind, record.payload, record.version).trade))


def _stops(risk: dict[str, Any]) -> dict[str, str]:
    """Why trading is stopped, by what stopped it."""
    names = ("emergency", "day_stop", "loss_stop", "trailing_stop", "paused", "halted", "distrust")
    return {name: str(risk[name].get("why", "")) for name in names if risk[name]}


def _evidence(market: dict[str, Any]) -> dict[str, Any]:
    """Bets that were counted, with their wealth, and what forecasts without a bet were worth."""
    evidence, shadow = market["evidence"], market["shadow"]
    return {
        "bets": evidence["bets"],
        "log_wealth": evidence["log_wealth"],
        "hits": shadow["hits"],
        "shadow_bets": shadow["bets"],
        "sum_r": shadow["sum_r"],
    }


def _no_features(_: Instrument) -> Observe:
    def nothing(_: Bar) -> None:
        return None

    return nothing


def forecasts(bundle: Path, rows: np.ndarray) -> dict[str, Any]:
    """What the members say, the score, and the calibrated p, at the last rows of a made-up window."""
    manifest = json.loads((bundle / "manifest.json").read_text(encoding="utf-8"))
    loaded = load_bundle(
        bundle, feature_names=tuple(manifest["feature_names"]), feature_version=manifest["feature_version"]
    )
    forecaster, length = Forecaster(loaded), manifest["window"]
    found = []
    for end in range(len(rows) - WINDOW_ROWS + 1, len(rows) + 1):
        observation = Observation("NQZ25", 0, 0, rows[end - 1], rows[end - length : end], None)  # type: ignore[arg-type]
        told = forecaster.forecast(observation)
        found.append(
            {
                "members": dict(told.members),
                "score": told.score,
                "p_up": told.p_up,
                "p_low": told.p_low,
                "side": told.side,
                "agreement": told.agreement,
                "missing": list(told.missing),
            }
        )
    calibrator = loaded.manifest.calibrator
    scores = [0.01, 0.3, 0.49, 0.5, 0.52, 0.6, 0.97]
    calibrated = [[score, calibrator.p_up(score), calibrator.p_low(score)] for score in scores]
    return {"forecasts": found, "calibrated": calibrated}


def bundle_in(home: Path) -> Path:
    """The one bundle of a recorded home."""
    (found,) = home.glob("data/models/*/bundles/*")
    return found


def made_up_rows(bundle: Path) -> np.ndarray:
    """A window of noise and the rows after it, one column a feature."""
    manifest = json.loads((bundle / "manifest.json").read_text(encoding="utf-8"))
    shape = (manifest["window"] + WINDOW_ROWS - 1, len(manifest["feature_names"]))
    return np.random.default_rng(1).normal(size=shape).astype(np.float32)


def read_journal(packed: Path, work: Path) -> dict[str, Any]:
    """Facts of the file, the fold, and the answer of `replay --verify`."""
    journal = surface.unpack(packed, work / packed.stem)
    line = f"replay --verify --json --journal {journal.name}"
    replayed = surface.run_commands(work, [line])[line]
    answer = {"exit": replayed["exit"], "answer": json.loads(replayed["out"])}
    return {"file": surface.journal_facts(journal), "fold": folded(journal), "replay": answer}


def main() -> None:
    """Write a record's readings."""
    record = Path(sys.argv[1])
    with tempfile.TemporaryDirectory() as folder:
        work = surface.new_home(Path(folder) / "readings", toml="")
        for packed in sorted(record.glob("journals/*.sqlite.xz")):
            _write(packed.with_name(packed.name.replace(".sqlite.xz", ".json")), read_journal(packed, work))
        bundle = bundle_in(surface.recorded_home(Path(folder) / "home", record))
        rows = made_up_rows(bundle)
        (record / "bundle").mkdir(exist_ok=True)
        np.save(record / "bundle" / "rows.npy", rows)
        _write(record / "bundle" / "forecasts.json", forecasts(bundle, rows))


def _write(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
