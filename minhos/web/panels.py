"""The page's panels: each shows one part of a moment and sends to the browser only what changed."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from nicegui import ui

from minhos.risk.needed import sum_of_bets
from minhos.views.decisions import DecisionLine
from minhos.views.risk import RiskView
from minhos.views.status import elsewhere_of
from minhos.views.watchdog import WatchdogLine
from minhos.web.moment import Moment
from minhos.words import NONE, UNKNOWN, dollars, duration, number, percent, plural, position, probability

STATE_TONES = {
    "not_running": "bad",
    "live": "good",
    "no_edge": "warn",
    "training": "warn",
    "no_predictions": "warn",
    "market_closed": "plain",
    "degraded": "bad",
    "halted": "bad",
}
LEVEL_TONES = {"LOW": "good", "MEDIUM": "warn", "HIGH": "warn", "CRITICAL": "bad", "EMERGENCY": "bad"}
OLD_AFTER_S = 600.0
LONG = 24


class Words:
    """A label that changes its text and colour only when they differ."""

    def __init__(self, classes: str) -> None:
        self.label = ui.label("").classes(f"{classes} tone-plain")
        self._tone = "plain"

    def set(self, text: str, tone: str = "plain") -> None:
        if text != self.label.text:
            self.label.set_text(text)
        if tone != self._tone:
            self.label.classes(add=f"tone-{tone}", remove=f"tone-{self._tone}")
            self._tone = tone


class Block:
    """HTML that is replaced only when it differs; every value in it has been escaped."""

    def __init__(self, classes: str = "w-full") -> None:
        self.html = ui.html("", sanitize=False).classes(classes)

    def set(self, text: str) -> None:
        if text != self.html.content:
            self.html.set_content(text)


class Metric:
    """A card: title, value, and what the value means in words."""

    def __init__(self, title: str) -> None:
        with ui.element("div").classes("panel"):
            ui.label(title).classes("title")
            self.value = Words("value")
            self.note = Words("note")

    def set(self, value: str, note: str, tone: str = "plain") -> None:
        self.value.set(value, tone)
        self.note.set(note)


class Widget:
    """The seven metrics."""

    def __init__(self) -> None:
        with ui.element("div").classes("grid-7"):
            self.service = Metric("Service status")
            self.fraction = Metric("Kelly fraction")
            self.position = Metric("Recommended position")
            self.probability = Metric("Win probability")
            self.risk = Metric("Capital at risk")
            self.agreement = Metric("Model agreement")
            self.updated = Metric("Last update")

    def show(self, m: Moment) -> None:
        r = m.recommendation
        self.service.set(m.status.state.replace("_", " "), m.health.status, STATE_TONES[m.status.state])
        self.fraction.set(
            _share(r.kelly_fraction, 2), f"full Kelly {_share(r.full_kelly, 1)}", _tone(r.kelly_fraction, 1e-9)
        )
        wanted = r.recommended_position
        self.position.set(_contracts(wanted), self._held(m), _tone_of_position(m))
        beats = r.win_probability is not None and r.break_even is not None and r.win_probability > r.break_even
        self.probability.set(
            _share(r.win_probability),
            "no forecast yet"
            if r.win_probability is None
            else f"{r.side}, {'above' if beats else 'below'} break-even {_p(r.break_even)}",
            "plain" if r.win_probability is None else "good" if beats else "warn",
        )
        at_risk = r.capital_at_risk
        lost = r.capital_at_risk_dollars
        to_the_stop = UNKNOWN if lost is None else f"{money(lost)} to the stop"
        self.risk.set(_share(at_risk, 2), to_the_stop, _risk_tone(at_risk))
        agree = r.model_agreement
        self.agreement.set(
            _share(agree, 0),
            f"{len(r.members)} members answered",
            "plain" if agree is None else "good" if agree >= 0.6 else "warn",
        )
        old = r.age_s is not None and r.age_s > OLD_AFTER_S
        self.updated.set(
            "never" if r.last_update is None else f"{r.last_update[11:16]} UTC",
            "" if r.age_s is None else f"{duration(r.age_s)} old" + (": stale" if old else ""),
            "plain" if r.age_s is None else "warn" if old else "good",
        )

    @staticmethod
    def _held(m: Moment) -> str:
        r = m.recommendation
        held = "nothing is known" if m.status.position is None else f"held {_contracts(m.status.position)}"
        if elsewhere := elsewhere_of(m.status):
            held = f"{held}, and {elsewhere} to be closed"
        cut = r.allowed_position is not None and r.allowed_position != r.recommended_position
        return f"{held}; risk allows {_contracts(r.allowed_position)}" if cut else held


class Edge:
    """p beside p_low beside break-even, big, and why this size."""

    def __init__(self) -> None:
        with ui.element("div").classes("panel"):
            ui.label("Is it worth a bet?").classes("title")
            with ui.element("div").classes("three"):
                self.p, self.low, self.even = (_BigNumber(t) for t in ("calibrated p", "lower bound", "break-even"))
            self.sentence = Words("note")
            ui.label("Why this size").classes("title")
            with ui.element("div").classes("scroll"):
                self.trace = Block()

    def show(self, m: Moment) -> None:
        r = m.recommendation
        self.p.set(_p(r.win_probability), _beats(r.win_probability, r.break_even))
        self.low.set(_p(r.probability_low), _beats(r.probability_low, r.break_even))
        self.even.set(_p(r.break_even), "plain")
        raw = f" Raw score {_p(r.raw_score)}." if r.raw_score is not None else ""
        self.sentence.set((r.slope_sentence or "There is no forecast yet.") + raw)
        rows = [
            (t.name.replace("_", " "), _of_unit(t.before, t.unit), _of_unit(t.after, t.unit), t.reason) for t in r.trace
        ]
        self.trace.set(table_html(("step", "before", "after", "because"), rows) if rows else "")


class _BigNumber:
    def __init__(self, title: str) -> None:
        with ui.element("div"):
            ui.label(title).classes("note")
            self.value = Words("big")

    def set(self, text: str, tone: str) -> None:
        self.value.set(NONE if text == UNKNOWN else text, tone)


class Sentences:
    """One sentence a bar, newest first."""

    def __init__(self) -> None:
        with ui.element("div").classes("panel"):
            ui.label("One sentence a bar").classes("title")
            self.alerts = Block()
            with ui.element("div").classes("scroll fill"):
                self.lines = Block()

    def show(self, m: Moment) -> None:
        self.lines.set("".join(_sentence(line) for line in m.decisions) or "No bar was decided yet.")
        self.alerts.set("".join(f'<div class="note tone-warn">{escape(text)}</div>' for text in m.alerts))


class Risk:
    """Level, components, stops, the day's budget, the next halt."""

    def __init__(self) -> None:
        with ui.element("div").classes("panel"):
            ui.label("Risk").classes("title")
            self.level = Words("big")
            self.reason = Words("note")
            with ui.element("div").classes("scroll"):
                self.table = Block()

    def show(self, m: Moment) -> None:
        risk = m.risk
        tone = "bad" if risk.stops else LEVEL_TONES.get(risk.level or "", "plain")
        size = "" if risk.multiplier is None else f": {percent(risk.multiplier, 0)} of size"
        level = risk.level or UNKNOWN
        self.level.set(f"STOPPED, level {level}" if risk.stops else f"{level}{size}", tone)
        self.reason.set(risk.reason)
        rows = [(stop.name, "STOPPED", f"{stop.why} ({stop.who}); ends {stop.ends}") for stop in risk.stops]
        rows += live_rows(risk)
        rows += [(c.name, c.level, c.reason) for c in risk.components]
        if risk.day_loss_left is not None:
            rows.append(("day", money(risk.day_pnl), f"{money(risk.day_loss_left)} left of the daily loss limit"))
        if risk.losses_in_a_row is not None:
            rows.append(("losses in a row", str(risk.losses_in_a_row), f"{risk.losses_allowed} stop trading"))
        halt = UNKNOWN if risk.next_halt is None else f"{risk.next_halt[:10]} {risk.next_halt[11:16]} UTC"
        rows.append(("next halt", "", halt))
        rows += watchdog_rows(m.status.watchdog)
        rows += [(f"bound: {b.limit}", str(b.times), "bars on which it cut the size") for b in risk.bound[:4]]
        self.table.set(table_html(("what", "level", "why"), rows))


def watchdog_rows(line: WatchdogLine | None) -> list[tuple[str, str, str]]:
    """What the watchdog last saw and did."""
    return [] if line is None else [("watchdog", line.word, line.words)]


def live_rows(risk: RiskView) -> list[tuple[str, str, str]]:
    """What a person forces; in live mode, whether orders are allowed and where the ladder stands."""
    rows = []
    if risk.forced is not None:
        until = f"until {risk.forced.until[11:16]} UTC" if risk.forced.until else "until cleared"
        rows.append(("forced", "BY HAND", f"{risk.forced.sentence}, {until}"))
    if risk.armed_sentence:
        rows.append(("live orders", "ARMED" if risk.armed else "NOT ARMED", risk.armed_sentence))
    if risk.ladder is not None:
        rows.append(("Kelly multiplier", number(risk.ladder.multiplier), risk.ladder.sentence))
    return rows


class Proof:
    """Evidence, live accuracy and how trades have done."""

    def __init__(self) -> None:
        with ui.element("div").classes("panel"):
            ui.label("Evidence: bets so far / bets needed").classes("title")
            self.bets = Words("big")
            self.sentence = Words("note")
            self.scored = Words("title")
            self.accuracy = Block()
            ui.label("Own trades").classes("title")
            self.trades = Words("note")
            self.rates = Words("note")

    def show(self, m: Moment) -> None:
        self._evidence(m)
        mark = "SIMULATED: " if m.status.simulated else ""
        self.scored.set(f"{mark}forecasts, scored when their label came")
        rows = [
            (
                line.name,
                percent(line.accuracy, unknown="no side"),
                f"{_share(line.low)} to {_share(line.high)}" if line.n else NONE,
                _share(line.majority),
                _share(line.break_even),
                f"{line.n}, {line.silent} silent" if line.silent else str(line.n),
            )
            for line in m.ml.live
            if line.n or line.silent
        ]
        head = ("bars", "right", "95 % interval", "majority", "break-even", "n")
        self.accuracy.set(table_html(head, rows) if rows else '<div class="note">no label has arrived yet</div>')
        s, w = m.summary, m.win_rates
        self.trades.set(
            f"{mark}{plural(s.trades, 'trade')}, win rate {_share(s.win_rate)}, "
            f"profit factor {_plain(s.profit_factor)}, P&L {money(s.total_pnl)}, "
            f"worst drawdown {_share(s.max_drawdown)}"
        )
        bootstrap = (
            f"Fewer than {w.trades_needed} own trades: the model's out-of-sample bets (bootstrap) won "
            f"{_share(w.win_rate)} of {w.trades} [{_share(w.low)}, {_share(w.high)}]."
        )
        self.rates.set(bootstrap if w.source == "bootstrap" else "")

    def _evidence(self, m: Moment) -> None:
        if not m.risk.evidence:
            self.bets.set("none yet")
            self.sentence.set("Evidence begins when a model serves.")
            return
        e = m.risk.evidence[0]
        tone = {"proven": "good", "degraded": "bad"}.get(e.state, "warn")
        self.bets.set(f"{e.bets} / {sum_of_bets(e.bets, e.bets_needed)}", tone)
        mark = "SIMULATED, counts on no real market: " if e.simulated else ""
        self.sentence.set(
            f"{mark}{e.instrument} {e.state}, e-value now {_plain(e.e_value)} ({e.needed:.0f} proves), "
            f"mean {_plain(e.mean_r, 4)} R a bet; {e.sentence}."
        )


class Models:
    """Bundles with age and verdict, the health score, and a training under way."""

    def __init__(self) -> None:
        with ui.element("div").classes("panel"):
            ui.label("Models").classes("title")
            self.health = Words("note")
            self.progress_text = Words("note")
            self.progress = ui.linear_progress(0.0, show_value=False).props("rounded size=10px")
            self.progress.set_visibility(False)
            with ui.element("div").classes("scroll"):
                self.table = Block()
                self.parts = Block()

    def show(self, m: Moment) -> None:
        score = m.ml.health.score
        self.health.set(
            "ML health: " + (UNKNOWN if score is None else f"{score:.0f} of 100"),
            "plain" if score is None else "good" if score >= 70 else "warn" if score >= 40 else "bad",
        )
        share = m.status.training_share
        if (share is not None) != self.progress.visible:
            self.progress.set_visibility(share is not None)
        if share is not None and share != self.progress.value:
            self.progress.set_value(share)
        self.progress_text.set("" if share is None else f"Training {percent(share, 0)}: {m.status.training_message}")
        rows = [
            (
                ("▶ " if x.serving else "") + x.id,
                x.status,
                x.verdict,
                UNKNOWN if x.age_days is None else duration(x.age_days * 86_400),
                str(len(x.members)),
            )
            for x in m.models.models[:8]
        ]
        empty = f'<div class="note">{escape(m.models.problem or "There is no model yet.")}</div>'
        self.table.set(table_html(("bundle", "status", "verdict", "age", "members"), rows) if rows else empty)
        parts = [(part.name, number(part.score, 0, unknown=UNKNOWN), part.detail) for part in m.ml.health.parts]
        self.parts.set(table_html(("health", "of 100", "because"), parts) if parts else "")


def _sentence(line: DecisionLine) -> str:
    when = f"{line.time[8:10]} {line.time[11:16]}" if line.time else ""
    tone = {"trade": "good", "blocked": "warn", "no_forecast": "bad", "late": "bad", "missing_bar": "bad"}
    return (
        f'<div class="sentence"><span class="when">{when}</span>'
        f'<span class="word tone-{tone.get(line.outcome, "plain")}">{escape(line.outcome.replace("_", " "))}</span>'
        f"{escape(line.reason)}</div>"
    )


def table_html(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    """A plain table; every cell is escaped."""
    cells = "".join(f"<th>{escape(name)}</th>" for name in head)
    body = "".join("<tr>" + "".join(_cell(cell) for cell in row) + "</tr>" for row in rows)
    return f'<table class="plain"><tr>{cells}</tr>{body}</table>'


def _cell(text: str) -> str:
    """Numbers keep their unit on the line; long names may break anywhere."""
    kind = ' class="long"' if len(text) > LONG else ""
    return f"<td{kind}>{escape(text).replace(' %', '&nbsp;%')}</td>"


def money(amount: float | None) -> str:
    """Whole dollars, as there is room for on a card."""
    return dollars(amount, 0, unknown=UNKNOWN)


def _share(value: float | None, digits: int = 1) -> str:
    return percent(value, digits, unknown=UNKNOWN)


def _p(value: float | None) -> str:
    """As reasons write it."""
    return probability(value, unknown=UNKNOWN)


def _contracts(signed: int | None) -> str:
    return UNKNOWN if signed is None else position(signed)


def _of_unit(value: float | None, unit: str) -> str:
    if unit == "probability":
        return _p(value)
    return number(value, unknown=UNKNOWN) if unit == "contracts" else _share(value, 2)


def _plain(value: float | None, digits: int = 2) -> str:
    return number(value, digits, unknown=UNKNOWN)


def _tone(value: float | None, good_from: float) -> str:
    return "plain" if value is None else "good" if value >= good_from else "warn"


def _risk_tone(share: float | None) -> str:
    if share is None:
        return "plain"
    return "good" if share <= 0.05 else "warn" if share <= 0.10 else "bad"


def _tone_of_position(m: Moment) -> str:
    wanted, allowed = m.recommendation.recommended_position, m.recommendation.allowed_position
    if wanted is None:
        return "plain"
    return "good" if wanted and wanted == allowed else "warn"


def _beats(p: float | None, break_even: float | None) -> str:
    if p is None or break_even is None:
        return "plain"
    return "good" if p > break_even else "warn"
