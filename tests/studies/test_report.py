"""The research report: one verdict, the same numbers on page, in JSON and in the terminal, and nothing outside it."""

from __future__ import annotations

import functools
import html
import re
from pathlib import Path

import msgspec
import numpy as np
import pytest

from minhos.assembly.layout import Layout
from minhos.commands.study import report as command
from minhos.commands.terminal import MARK
from minhos.errors import MinhosError, NotEnoughData
from minhos.feeds.simulated.market import MarketModel, simulate
from minhos.journal.store import Journal
from minhos.market.calendar import SessionCalendar
from minhos.market.instruments import instrument
from minhos.research.out_of_sample import OutOfSample
from minhos.research.report.summary import highlights, sections
from minhos.research.report.values import ResearchReport
from minhos.research.scenarios.suite import SCENARIOS
from minhos.research.sizing_lab.criteria import TITLES
from minhos.research.sizing_lab.policies import POLICIES
from minhos.settings import load
from minhos.studies import report as research_report
from minhos.studies.history import History
from minhos.studies.report import html_of, report_of, study_of, write
from minhos.studies.report_parts import fills_of
from minhos.testing.builders import MONDAY_OPEN, trading_events
from minhos.testing.markets import BARS_PER_SESSION, START_NS, WARM_BARS, oracle_study
from minhos.trading import events as ev
from minhos.training.results.canaries import Canaries, LaterBars

CHROMIUM = Path("/usr/bin/chromium")


def reported(study: OutOfSample, home: Path, sessions: int) -> ResearchReport:
    """The report of a study of `testing_markets`, with the warm-up that it leaves out as the history before it."""
    model = MarketModel(kind="ou", ceiling=0.58, seed=1)
    n_bars = WARM_BARS + sessions * BARS_PER_SESSION
    bars = simulate(model, instrument("NQ"), SessionCalendar.load(), START_NS, n_bars).bars
    history = History(bars, load(home, {"training": {"processes": 1}}), ("SIMULATED: bars of a test",))
    return report_of(history, study, Layout(home).make(), lambda share, text: None)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def whole(home: Path) -> ResearchReport:
    """A 58 % market for four sessions, everything measured, with fewer resampled histories."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(
            research_report, "kelly_vs_fixed", functools.partial(research_report.kelly_vs_fixed, histories=300)
        )
        return reported(oracle_study("ou", 0.58, sessions=4), home, 4)


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> ResearchReport:
    """A 58 % market for 25 sessions, without what takes long: sizing comparison, paths and bad days."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(research_report, "kelly_vs_fixed", refuse)
        patched.setattr(research_report, "path_distribution", refuse)
        patched.setattr(research_report, "risk_scenarios", refuse)
        return reported(oracle_study("ou", 0.58, sessions=25), tmp_path_factory.mktemp("quick"), 25)


def refuse(*_: object, **__: object) -> None:
    raise NotEnoughData("left out of this test.")


def plain_text(page: str) -> str:
    """What a reader sees: tags out, entities in."""
    body = page.split("<body>")[1].split("<script>")[0]
    return html.unescape(re.sub(r"<[^>]+>", " ", body)).replace("\u00a0", " ")


def test_the_verdict_comes_first_and_says_simulated(found: ResearchReport) -> None:
    assert found.verdict == "edge"
    assert found.sentence.startswith("SIMULATED: An edge: right on ")
    shown = plain_text(html_of(found))
    assert shown.index(found.sentence) < shown.index("Direction and probability")
    assert "SIMULATED" in shown.split(found.sentence)[0]


def test_page_json_and_terminal_say_the_same(
    found: ResearchReport, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    written = write(found, tmp_path / "out")
    values, shown = msgspec.json.decode(written.json.read_bytes()), plain_text(written.html.read_text(encoding="utf-8"))
    command.show_report(found)
    terminal = " ".join(" ".join(line.removeprefix(MARK) for line in capsys.readouterr().out.splitlines()).split())
    right, bets = values["prediction"]["accuracy"], values["edge"]
    for text in (
        f"{100 * right['accuracy']:.1f} % of {right['n']:,} bars",
        f"{100 * right['majority']:.1f} %",
        f"{bets['bets']:,} bets, {bets['mean_net_r']:+.4f} R each",
        f"Sharpe ratio {values['deflation']['annual']:.2f} a year",
        f"{100 * values['money']['total_return']:+.2f} %",
    ):
        assert text in shown
        assert text in terminal
    assert len(values["money"]["trades"]) == len(found.money.trades if found.money else ())
    for name, value in highlights(found):
        assert name in terminal
        assert value in shown


def test_the_page_needs_nothing_beside_itself(found: ResearchReport) -> None:
    page = html_of(found)
    own = page.split("<script>")[0]
    assert not re.findall(r"(?:src|href)=\"(?!#)", own)
    assert "url(" not in own
    assert len(page) < 6_000_000
    assert page.count("</script>") == 3


def test_every_chart_has_a_sentence_a_size_and_titled_axes(found: ResearchReport) -> None:
    charts = [chart for section in sections(found) for chart in section.charts]
    assert len(charts) >= 8
    for chart in charts:
        assert re.search(r"\d", chart.says)
        assert chart.figure["layout"]["yaxis"]["title"]["text"]
        assert max((len(trace["y"]) for trace in chart.figure["data"]), default=0) <= 2_000


def test_a_part_that_fails_costs_its_section_and_says_why(found: ResearchReport) -> None:
    assert found.missing["sizing"] == found.missing["paths"] == "left out of this test"
    shown = plain_text(html_of(found))
    assert shown.count("Not measured: left out of this test.") >= 3
    assert found.money is not None


@pytest.mark.slow
def test_too_little_data_is_the_verdict_and_each_section_says_what_is_missing(whole: ResearchReport) -> None:
    assert whole.verdict == "too_little_data"
    assert "20 and 1,000" in whole.sentence
    assert "100 periods" in plain_text(html_of(whole))


@pytest.mark.slow
def test_the_whole_report_has_every_part(whole: ResearchReport) -> None:
    assert whole.canaries is not None
    assert whole.canaries.passed
    assert whole.fractions is not None
    assert whole.paths is not None
    assert [result.title for result in whole.scenarios] == [scenario.title for scenario in SCENARIOS]
    assert {criterion.name for criterion in whole.criteria} == set(TITLES)
    shown = plain_text(html_of(whole))
    for policy in POLICIES:
        assert policy.short in shown
    for criterion in whole.criteria:
        assert f"{criterion.title} {criterion.sentence}" in re.sub(r"\s+", " ", shown)
    assert msgspec.json.decode(msgspec.json.encode(whole), type=ResearchReport) == whole


@pytest.mark.slow
def test_every_run_of_the_lab_is_in_the_ledger(whole: ResearchReport) -> None:
    assert whole.deflation is not None
    assert whole.deflation.n_trials == len(whole.trials) > len(POLICIES)
    assert {trial.kind for trial in whole.trials} == {"research", "lab sizing"}


def test_without_a_bet_nothing_looks_like_a_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for part in ("canaries_of", "path_distribution", "risk_scenarios"):
        monkeypatch.setattr(research_report, part, refuse)
    study = oracle_study("ou", 0.58, sessions=22)
    never = msgspec.structs.replace(study.signals, break_even=np.ones(len(study.signals)))
    quiet = reported(msgspec.structs.replace(study, signals=never), tmp_path, 22)
    assert quiet.verdict == "no_edge"
    assert "nothing was bet" in quiet.sentence
    assert quiet.e_values == ()
    assert quiet.fractions is None
    assert "the shadow book placed no bet" in plain_text(html_of(quiet))


def test_a_dead_canary_leaves_no_figure(found: ResearchReport, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    dead = Canaries(None, None, LaterBars(5, (3,), START_NS))
    monkeypatch.setattr(research_report, "canaries_of", lambda *_: dead)
    leaking = reported(oracle_study("ou", 0.58, sessions=6), tmp_path, 6)
    assert leaking.verdict == "no_edge"
    assert leaking.sentence.startswith("SIMULATED: LEAK SUSPECTED")
    assert (leaking.prediction, leaking.edge, leaking.money, leaking.fractions) == (None, None, None, None)
    shown = plain_text(html_of(leaking))
    assert "Net R" not in shown
    assert "Right" not in shown


def test_too_few_sessions_for_a_walk_forward_get_the_holdout_and_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = oracle_study("ou", 0.58, sessions=2)
    history = History(study.bars, load(tmp_path), ())
    monkeypatch.setattr(research_report, "walk_forward_study", refuse)
    monkeypatch.setattr(research_report, "_holdout", lambda *_: study)
    chosen = study_of(history, Layout(tmp_path), lambda share, text: None)
    assert chosen.schedule.endswith("a walk-forward was not possible: left out of this test")


def test_constant_prices_are_refused_before_anything_is_trained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bars = oracle_study("ou", 0.58, sessions=2).bars
    level = np.full(len(bars), 60_000)
    still = msgspec.structs.replace(bars, open_ticks=level, high_ticks=level, low_ticks=level, close_ticks=level)
    monkeypatch.setattr(research_report, "_holdout", refuse)
    with pytest.raises(NotEnoughData, match="no direction to forecast"):
        study_of(History(still, load(tmp_path), ()), Layout(tmp_path).make(), lambda share, text: None)


def test_fills_are_read_from_the_configured_journal(tmp_path: Path) -> None:
    layout, chosen = Layout(tmp_path).make(), load(tmp_path, {"data": {"source": "NQZ25.scid"}})
    with pytest.raises(NotEnoughData, match="no paper journal yet"):
        fills_of(chosen, layout)
    journal = Journal.open(layout.journal("paper", "paper"), {"mode": "paper"})
    events = trading_events()
    for event in events:
        journal.append(ev.kind_of(event), ev.encode(event), MONDAY_OPEN)
    journal.close()
    expected = sum(isinstance(event, ev.OrderFilled) for event in events)
    with pytest.raises(NotEnoughData, match=f"{expected} fills in the paper journal; 30 are needed"):
        fills_of(chosen, layout)


def test_names_from_outside_cannot_become_markup(found: ResearchReport) -> None:
    data = msgspec.structs.replace(found.data, notes=("<script>alert(1)</script>",))
    page = html_of(msgspec.structs.replace(found, data=data))
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)" in page


def test_a_folder_that_cannot_be_written_is_one_sentence(found: ResearchReport, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(MinhosError, match="choose another folder with --out"):
        write(found, tmp_path / "taken")


@pytest.mark.browser
@pytest.mark.skipif(not CHROMIUM.exists(), reason="Chromium is not installed")
def test_in_a_browser_every_chart_is_drawn_and_nothing_is_fetched(found: ResearchReport, tmp_path: Path) -> None:
    from playwright.sync_api import sync_playwright

    written = write(found, tmp_path)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox", "--disable-gpu"])
        for width in (1280, 390):
            page = chromium.new_page(viewport={"width": width, "height": 900})
            problems: list[str] = []
            asked: list[str] = []
            page.on("pageerror", lambda error, found=problems: found.append(str(error)))
            page.on("request", lambda request, found=asked: found.append(request.url))
            page.goto(written.html.as_uri())
            page.wait_for_function(
                "document.querySelectorAll('.plot').length === "
                "document.querySelectorAll('.plot .main-svg:first-child').length"
            )
            assert problems == []
            assert [url for url in asked if not url.startswith(("file:", "data:", "blob:"))] == []
            assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
            page.close()
        chromium.close()
