"""What the terminal shows of a running system: the state in one line, and the live view of `start --monitor`.

Both are the same views of the journal as the page's; nothing is computed here.
"""

from __future__ import annotations

from rich.columns import Columns
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from minhos.assembly.layout import Layout
from minhos.assembly.live_views import LiveViews
from minhos.settings import Settings
from minhos.views import kelly, risk
from minhos.views.status import Status, elsewhere_of, status
from minhos.views.store import Views
from minhos.views.surroundings import Surroundings
from minhos.words import money, percent, probability

STYLES = {
    "not_running": "bold red",
    "live": "bold green",
    "training": "bold cyan",
    "no_predictions": "bold yellow",
    "no_edge": "bold yellow",
    "degraded": "bold red",
    "halted": "bold red",
    "market_closed": "bold blue",
}
SENTENCES = 12


class Watch:
    """Follows the journal for one command."""

    def __init__(self, settings: Settings, layout: Layout) -> None:
        self.live = LiveViews(settings, layout)

    def line(self) -> Text:
        """State and sentence."""
        return line(self.live.read(status))

    def screen(self) -> RenderableType:
        """The whole live view."""
        return self.live.read(render)


def line(now: Status) -> Text:
    """State and sentence."""
    return Text.assemble((now.state, STYLES.get(now.state, "bold")), "  ", now.reason)


def render(views: Views, around: Surroundings) -> RenderableType:
    """Banner, state, the seven metrics, risk, and one sentence a bar."""
    now = status(views, around)
    parts: list[RenderableType] = []
    if now.banner:
        parts.append(Text(now.banner, style="black on yellow", justify="center"))
    parts.append(Text.assemble((f" {now.state} ", STYLES.get(now.state, "bold") + " reverse"), "  ", now.reason))
    if now.training_share is not None:
        parts.append(ProgressBar(total=1.0, completed=now.training_share))
    parts.append(Columns([_metrics(views, around), _account(now, views)], expand=True))
    parts.append(_sentences(views))
    return Panel(Group(*parts), title="MinhOS", subtitle="Ctrl-C ends everything")


def _metrics(views: Views, around: Surroundings) -> Table:
    """The widget's seven metrics, and p beside break-even."""
    now = kelly.recommendation(views, around)
    table = Table(show_header=False, box=None)
    rows = [
        ("service", now.service_status.split(":")[0]),
        ("Kelly fraction", _share(now.kelly_fraction)),
        ("recommended", "-" if now.recommended_position is None else f"{now.recommended_position:+d}"),
        ("win probability", probability(now.win_probability, unknown="-")),
        ("break-even", probability(now.break_even, unknown="-")),
        ("p_low", probability(now.probability_low, unknown="-")),
        ("capital at risk", _share(now.capital_at_risk)),
        ("agreement", _share(now.model_agreement)),
        ("last update", now.last_update or "-"),
    ]
    for name, value in rows:
        table.add_row(name, Text(value, style="bold"))
    return table


def _account(now: Status, views: Views) -> Table:
    """Position, equity and risk."""
    table = Table(show_header=False, box=None)
    account = views.trading.ledger.account()
    held = "-" if now.position is None else f"{now.position:+d}"
    elsewhere = elsewhere_of(now)
    table.add_row("position", Text(f"{held}, and {elsewhere} to be closed" if elsewhere else held, style="bold"))
    table.add_row("equity", money(account.equity_cents, mark=""))
    table.add_row("day", money(account.day_pnl_cents, sign=True, mark=""))
    table.add_row("risk level", views.trading.risk.level().name)
    for evidence in risk.evidence_lines(views.trading.risk):
        table.add_row("evidence", f"{evidence.state}, {evidence.bets} bets")
    if now.watchdog is not None:
        table.add_row("watchdog", Text(now.watchdog.word))
    if now.supervisor:
        table.add_row("supervisor", Text(now.supervisor))
    table.add_row("market time", now.market_time or "-")
    return table


def _sentences(views: Views) -> Table:
    """The newest decisions, one sentence a bar."""
    table = Table("bar", "decision", box=None, expand=True)
    for line in views.decisions.lines(SENTENCES, views.instruments):
        table.add_row((line.time or "")[11:16], Text(line.reason))
    return table


def _share(value: float | None) -> str:
    return percent(value, tight=True, unknown="-")
