"""The page at "/": one dark page for desk and phone.  What changes is pushed; nothing is loaded from outside."""

from __future__ import annotations

from importlib.resources import files
from typing import Literal

import nicegui
from fastapi import FastAPI
from nicegui import run, ui

from minhos.assembly.live_views import LiveViews
from minhos.web.card import read_card, show_card
from minhos.web.charts import PUSH, EquityChart, PriceChart
from minhos.web.commands import CommandAnswer, CommandName, send_command
from minhos.web.force_dialog import ForceDialog
from minhos.web.moment import Moment, candles, equity, moment
from minhos.web.panels import STATE_TONES, Edge, Models, Proof, Risk, Sentences, Widget, Words, money
from minhos.words import duration

PUSH_S = 0.5
_newest: list[LiveViews] = []
"""What the page shows: one process has one page, over the views that were made last."""


def install(app: FastAPI, live: LiveViews) -> None:
    """Put the page at "/"; every other route has to be there already."""
    _newest[:] = [live]
    if nicegui.app.middleware_stack is None:
        ui.run_with(app, title="MinhOS", dark=True, show_welcome_message=False, reconnect_timeout=10.0)
    else:
        app.mount("/", nicegui.app)


@ui.page("/")
def dashboard() -> None:
    """Build the page for one visitor and keep it up to date."""
    ui.add_css((files("minhos.web") / "static" / "page.css").read_text(encoding="utf-8"))
    ui.add_head_html(PUSH)
    page = Page(_newest[0])
    ui.timer(PUSH_S, page.refresh)


class Page:
    """One visitor's page."""

    def __init__(self, live: LiveViews) -> None:
        self.live = live
        self.simulated, self.stale = Banner("banner-simulated"), Banner("banner-stale")
        self.watchdog = Banner("banner-stale")
        with ui.element("div").classes("page"):
            self.top = Top(live)
            card = read_card(live)
            if card is not None:
                show_card(card)
            self.widget = Widget()
            with ui.element("div").classes("grid-2"):
                with ui.element("div").classes("panel"):
                    self.price_title = Words("title")
                    self.price = PriceChart()
                self.edge = Edge()
            with ui.element("div").classes("grid-2"):
                self.sentences = Sentences()
                self.risk = Risk()
            with ui.element("div").classes("grid-3"):
                with ui.element("div").classes("panel"):
                    self.equity_title = Words("title")
                    self.equity = EquityChart()
                self.proof = Proof()
                self.models = Models()

    async def refresh(self) -> None:
        """Read one moment beside the event loop, and show what changed."""
        read = await run.io_bound(
            self.live.read,
            lambda views, around: (
                moment(views, around),
                candles(views, self.price.after_ns),
                equity(views, self.equity.after_ns),
            ),
        )
        if read is None:  # the process is about to end
            return
        now, bars, points = read
        self.simulated.show(now.status.banner)
        self.stale.show(stale_words(now))
        self.watchdog.show(watchdog_words(now))
        for part in (self.top, self.widget, self.edge, self.sentences, self.risk, self.proof, self.models):
            part.show(now)
        self.price_title.set(f"{now.status.symbol or 'Price'}, 5-minute bars (UTC), fills and position")
        worth = "" if now.account is None else f": {money(now.account.equity)}, today {money(now.account.day_pnl)}"
        self.equity_title.set(("SIMULATED " if now.status.simulated else "") + f"Equity{worth}")
        self.price.show(bars)
        self.equity.show(points)


class Banner:
    """A line over everything; invisible while it says nothing."""

    def __init__(self, classes: str) -> None:
        self.label = ui.label("").classes(f"banner {classes}")
        self.label.set_visibility(False)

    def show(self, text: str) -> None:
        if text != self.label.text:
            self.label.set_text(text)
            self.label.set_visibility(bool(text))


class Top:
    """Name, mode, state with its sentence, and the buttons that are always within reach."""

    def __init__(self, live: LiveViews) -> None:
        self.live = live
        self.force = ForceDialog(live)
        with ui.element("div").classes("top"):
            ui.label("MinhOS").classes("brand")
            self.mode = Words("note")
            self.state = Words("badge")
            self.why = Words("why")
            with ui.element("div").classes("buttons"):
                self._button("HALT", "negative", self._at_once("halt"))
                self._button(
                    "FLATTEN",
                    "deep-orange-9",
                    self._asked("flatten", "Cancel all orders, close the position and stop trading?"),
                )
                self._button("PAUSE", "blue-grey-8", self._at_once("pause"))
                self._button("FORCE", "indigo-9", self.force.open)
                self._button("RESUME", "green-9", self._asked("resume", "End the halt or pause and trade on?"))

    def show(self, m: Moment) -> None:
        self.mode.set(m.status.mode.upper() or "not started")
        self.state.set(m.status.state.replace("_", " "), STATE_TONES[m.status.state])
        forced = f" {m.risk.forced.sentence}." if m.risk.forced else ""
        self.why.set(f"{m.status.reason}{forced}")

    @staticmethod
    def _button(text: str, color: str, act: object) -> None:
        ui.button(text, color=color, on_click=act).props("no-caps unelevated")  # type: ignore[arg-type]

    def _at_once(self, name: CommandName) -> object:
        async def act() -> None:
            answer = await run.io_bound(send_command, self.live, name, "page", "pressed on the page")
            if answer is not None:
                ui.notify(answer.answer, type=_tone(answer), timeout=5_000 if answer.holds else 0, close_button=True)

        return act

    def _asked(self, name: CommandName, question: str) -> object:
        with ui.dialog() as dialog, ui.card().classes("panel"):
            ui.label(question)
            with ui.row():
                ui.button("Cancel", color="blue-grey-8", on_click=lambda: dialog.submit(False)).props("no-caps")
                ui.button(f"Yes, {name}", color="negative", on_click=lambda: dialog.submit(True)).props("no-caps")
        at_once = self._at_once(name)

        async def act() -> None:
            if await dialog:
                await at_once()  # type: ignore[operator]

        return act


def _tone(answer: CommandAnswer) -> Literal["positive", "warning", "negative"]:
    """A stop that does not hold stays on the screen in red."""
    if not answer.holds:
        return "negative"
    return "positive" if answer.answered else "warning"


def stale_words(m: Moment) -> str:
    """Why what is shown may be old; empty where it is not."""
    if m.status.connected or m.trader_age_s is None:
        return ""
    lives = m.status.trader.startswith("alive")
    decided = "" if lives else " and nothing is being decided"
    return f"NOT CONNECTED: trader {m.status.trader}; what is shown is {duration(m.trader_age_s)} old{decided}."


def watchdog_words(m: Moment) -> str:
    """What the watchdog sees or did, or is wrong with the supervisor, to be known at once; empty where all is well."""
    line = m.status.watchdog
    words = [f"WATCHDOG: {line.words}"] if line is not None and line.urgent else []
    return "  ".join([*words, m.status.supervisor] if m.status.supervisor else words)
