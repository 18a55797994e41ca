"""The services that users import: they read, they never act, and they work before anything was started."""

from __future__ import annotations

import ast
import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest
from trading_home import ROOT, count, last_sequence, make_home, running, settings_of, stop, wait_for

from minhos.assembly.layout import Layout
from minhos.services.kelly_service import KellyService
from minhos.services.ml_trading_workflow import MLTradingWorkflow
from minhos.services.trading_engine import TradingEngine
from minhos.settings import Settings

ONE_LINERS = [
    "from minhos.services.kelly_service import KellyService",
    "from minhos.services.ml_trading_workflow import get_ml_trading_workflow; import asyncio; "
    "print(asyncio.run(get_ml_trading_workflow().manual_decision()))",
]


@pytest.mark.parametrize("line", ONE_LINERS)
def test_the_documented_lines_work_in_an_empty_home(tmp_path, line):
    environment = {**os.environ, "MINHOS_HOME": str(tmp_path), "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", line], env=environment, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    assert "not_running" in done.stdout or "print" not in line
    assert list(tmp_path.iterdir()) == []


def test_before_the_first_start_nothing_runs_and_nothing_is_healthy(tmp_path):
    service = KellyService(Settings(), Layout(tmp_path))
    now = service.current_recommendation()
    assert (now.state, now.kelly_fraction, now.recommended_position) == ("not_running", None, None)
    assert service.health().status == "unhealthy"
    assert service.recent(5).recommendations == ()
    assert service.metrics().summary.trades == 0


def test_calculate_is_kelly_under_the_settings(tmp_path):
    bare = {"drawdown_bound": False, "half_of_remaining_budget": False, "daily_loss_limit": 1.0}
    service = KellyService(Settings(sizing=bare), Layout(tmp_path))
    size = service.calculate(p=0.6, payoff_ratio=1.5, capital=100_000, risk_per_contract=1_000)
    full = 0.6 - 0.4 / 1.5
    assert size.kelly == pytest.approx(full)
    assert size.fraction == pytest.approx(min(min(full, 0.25) * 0.6, 0.10))
    assert size.contracts == 5
    assert service.calculate(0.4, 1.0, 100_000, 1_000).contracts == 0
    assert service.calculate(float("nan"), 1.0, 100_000, 1_000).contracts == 0


def test_all_readers_tell_what_the_trader_did(tmp_path):
    layout = make_home(tmp_path)
    with running(layout) as trader:
        assert wait_for(lambda: count(layout, "TradeClosed") >= 2)
        stop(trader)
    settings = settings_of(layout)
    kelly, engine = KellyService(settings, layout), TradingEngine(settings, layout)
    newest = kelly.current_recommendation()
    assert newest.win_probability is not None
    assert newest.mode == "simulated"
    assert "SIMULATED" in newest.banner
    assert len(kelly.recent(7).recommendations) == 7
    assert kelly.metrics().summary.trades == len(engine.trades(10_000)) == count(layout, "TradeClosed")
    told = asyncio.run(MLTradingWorkflow(settings, layout).manual_decision())
    assert told.source == "journal"
    assert told.decision == kelly.recent(1).recommendations[0]


def test_manual_decision_is_made_from_the_bundle_where_nothing_is_recorded_and_leaves_no_trace(tmp_path):
    layout = make_home(tmp_path)
    told = asyncio.run(MLTradingWorkflow(settings_of(layout), layout).manual_decision())
    assert told.source == "recomputed"
    assert told.decision is not None
    assert told.decision.probability is not None
    assert last_sequence(layout) == 0
    again = asyncio.run(MLTradingWorkflow(settings_of(layout), layout).manual_decision())
    assert again.decision == told.decision


SERVICES = sorted(path.stem for path in (ROOT / "minhos/services").glob("*.py"))
READERS = (
    *(f"minhos.services.{name}" for name in SERVICES if name != "trader"),
    "minhos.assembly.live_views",
    "minhos.assembly.surroundings",
)
"""All but the alias of the process that trades."""
ACTING = ("minhos.venues", "minhos.journal.store", "minhos.journal.inbox", "minhos.trading.engine", "minhos.processes")
ASK = """
import asyncio, importlib, sys
for name in sys.argv[1:]:
    importlib.import_module(name)
from minhos.services.kelly_service import KellyService
from minhos.services.ml_trading_workflow import get_ml_trading_workflow
from minhos.services.trading_engine import TradingEngine
print(asyncio.run(get_ml_trading_workflow().manual_decision()).source, len(KellyService().recent(3).recommendations))
print(len(TradingEngine().trades(10)))
print(*[name for name in sys.modules if name.startswith("minhos.")])
"""


def test_no_reader_loads_what_reaches_a_venue_or_writes_a_journal(tmp_path):
    """Whatever it imports in turn, also while it answers."""
    layout = make_home(tmp_path)
    environment = {**os.environ, "MINHOS_HOME": str(layout.home), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", ASK, *READERS], env=environment, capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")
    answers, trades, loaded = done.stdout.splitlines()
    assert (answers, trades) == ("recomputed 0", "0")
    assert {"minhos.journal.reader", "minhos.trading.decide", *READERS} <= set(loaded.split())
    assert [name for name in loaded.split() if name.startswith(ACTING)] == []


@pytest.mark.parametrize("module", READERS)
def test_no_reader_names_one_in_a_line_that_runs_later(module):
    path = ROOT / f"{module.replace('.', '/')}.py"
    imported: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            imported |= {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            imported |= {alias.name for alias in node.names}
    forbidden = (*ACTING, "minhos.trading.venue", "minhos.assembly.venues", "minhos.safety")
    assert not [name for name in imported if name.startswith(forbidden)]


def test_scripts_folder_holds_the_documented_names():
    for name in (
        "train_ml_models",
        "backtest_kelly_vs_fixed",
        "test_real_historical_data",
        "verify_ai_historical_context",
    ):
        assert Path(ROOT, "scripts", f"{name}.py").is_file()
