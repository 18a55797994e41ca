"""The research report: one verdict, the same numbers on page, in JSON and in the terminal, and nothing outside it."""

from __future__ import annotations

import html
import re
from pathlib import Path

import msgspec
import numpy as np
import pytest

from minhos.commands import report as command
from minhos.commands.common import MARK
from minhos.errors import MinhosError
from minhos.research.out_of_sample import OutOfSample
from minhos.research.report import ResearchReport
from minhos.research.report_summary import highlights, sections
from minhos.services.history import History
from minhos.services.layout import Layout
from minhos.services.research_report import html_of, report_of, write
from minhos.settings import load
from minhos.testing_markets import oracle_study


def reported(study: OutOfSample, home: Path) -> ResearchReport:
    history = History(study.bars, load(home), ("SIMULATED: bars of a test",))
    return report_of(history, study, Layout(home).make(), lambda share, text: None)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def found(home: Path) -> ResearchReport:
    """A 58 % market for 25 sessions."""
    return reported(oracle_study("ou", 0.58, sessions=25), home)


def plain_text(page: str) -> str:
    """What a reader sees: tags out, entities in."""
    body = page.split("<body>")[1].split("<script>")[0]
    return html.unescape(re.sub(r"<[^>]+>", " ", body))


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


def test_too_little_data_is_the_verdict_and_each_section_says_what_is_missing(tmp_path: Path) -> None:
    few = reported(oracle_study("ou", 0.58, sessions=3), tmp_path)
    assert few.verdict == "too_little_data"
    assert "20 and 1,000" in few.sentence
    assert "permuting them needs 6" in plain_text(html_of(few))


def test_without_a_bet_nothing_looks_like_a_result(tmp_path: Path) -> None:
    study = oracle_study("ou", 0.58, sessions=22)
    never = msgspec.structs.replace(study.signals, break_even=np.ones(len(study.signals)))
    quiet = reported(msgspec.structs.replace(study, signals=never), tmp_path)
    assert quiet.verdict == "no_edge"
    assert "nothing was bet" in quiet.sentence
    assert quiet.e_values == ()
    assert "the shadow book placed no bet" in plain_text(html_of(quiet))


def test_a_rerun_is_no_new_trial(home: Path, found: ResearchReport) -> None:
    again = reported(oracle_study("ou", 0.58, sessions=25), home)
    assert len(again.trials) == len(found.trials) == 1


def test_names_from_outside_cannot_become_markup(found: ResearchReport) -> None:
    data = msgspec.structs.replace(found.data, notes=("<script>alert(1)</script>",))
    page = html_of(msgspec.structs.replace(found, data=data))
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)" in page


def test_a_folder_that_cannot_be_written_is_one_sentence(found: ResearchReport, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(MinhosError, match="choose another folder with --out"):
        write(found, tmp_path / "taken")
