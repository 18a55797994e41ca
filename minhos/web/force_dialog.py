"""The page's form for a side or a size in place of Kelly's, with who and why; it sends what the REST endpoint sends."""

from __future__ import annotations

from nicegui import run, ui
from pydantic import ValidationError

from minhos.assembly.live_views import LiveViews
from minhos.errors import CommandRefused
from minhos.web.commands import CommandAnswer, ForceName, send_command
from minhos.web.force import ForceRequest

EXPLAINED = (
    "From the next bar on, in place of Kelly's; every limit still holds. A size alone keeps Kelly's side; long or "
    "short alone only forbids the other side; flat closes."
)


class ForceDialog:
    """Opened by the page's button."""

    def __init__(self, live: LiveViews) -> None:
        self.live = live
        with ui.dialog() as self.dialog, ui.card().classes("panel"):
            ui.label("Force a side or a size").classes("title")
            ui.label(EXPLAINED).classes("note")
            self.side = ui.select(["any", "long", "short", "flat"], value="any", label="Side").classes("w-full")
            self.size = ui.number("Contracts (empty: Kelly's number)", min=1, format="%d").classes("w-full")
            self.minutes = ui.number("Minutes (empty: until cleared)", min=1, format="%d").classes("w-full")
            self.who = ui.input("Who").classes("w-full")
            self.why = ui.input("Why").classes("w-full")
            with ui.row():
                ui.button("Cancel", color="blue-grey-8", on_click=self.dialog.close).props("no-caps")
                ui.button("Clear", color="green-9", on_click=self._clear).props("no-caps")
                ui.button("Force", color="negative", on_click=self._force).props("no-caps")

    def open(self) -> None:
        self.dialog.open()

    async def _force(self) -> None:
        try:
            asked = ForceRequest(
                side=self.side.value,
                size=self.size.value or None,
                minutes=self.minutes.value or None,
                who=self.who.value,
                why=self.why.value,
            )
            payload = asked.payload()
        except ValidationError as error:
            first = error.errors()[0]
            ui.notify(f"{first['loc'][0]}: {first['msg']}", type="negative")
            return
        except CommandRefused as error:
            ui.notify(str(error), type="negative")
            return
        await self._send("force", asked.why, payload)

    async def _clear(self) -> None:
        await self._send("unforce", self.why.value, {})

    async def _send(self, name: ForceName, why: str, payload: dict[str, str | int | float | bool]) -> None:
        self.dialog.close()
        who = f"{self.who.value or 'page'} (page)"
        try:
            answer: CommandAnswer | None = await run.io_bound(send_command, self.live, name, who, why, payload)
        except CommandRefused as error:
            ui.notify(str(error), type="negative")
            return
        if answer is not None:
            ui.notify(answer.answer, type="positive" if answer.answered else "warning")
