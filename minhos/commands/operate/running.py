"""start, stop."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Annotated

import msgspec
import structlog
import typer
from rich.live import Live
from rich.panel import Panel

from minhos.assembly.alert_routes import channels_of
from minhos.assembly.layout import Layout
from minhos.assembly.logs import configure
from minhos.assembly.naming import ceiling_of, finished_data
from minhos.assembly.parts import load_parts
from minhos.assembly.privacy import close_to_others, keep_to_owner
from minhos.assembly.running import ALWAYS, living
from minhos.commands.common import (
    StampsOption,
    SymbolOption,
    TimezoneOption,
    layout,
    settings,
)
from minhos.commands.mistakes import finite
from minhos.commands.operate.screen import Watch
from minhos.commands.operate.start_checks import refuse_what_a_start_refuses
from minhos.commands.study.card import show_card
from minhos.commands.terminal import console, say
from minhos.errors import MinhosError, PartsError
from minhos.market.clock import SystemClock
from minhos.processes.process import sleep_until
from minhos.processes.service_manager import ServiceManager
from minhos.processes.supervisor import Supervisor, anything_held, claim_start, refuse_second_start, stop_running
from minhos.settings import OVERRIDES, Settings
from minhos.web.listening import listen
from minhos.words import percent

POLL_S = 0.25
log = structlog.get_logger("supervisor")
DataOption = Annotated[Path | None, typer.Option("--data", help="Your own bars: a file, or a folder that grows.")]


def start(
    data: DataOption = None,
    monitor: Annotated[bool, typer.Option("--monitor", help="A live view in this terminal.")] = False,
    symbol: SymbolOption = "",
    timezone: TimezoneOption = "",
    stamps: StampsOption = "",
    market: Annotated[str, typer.Option(help="Simulated market: ou, regime, break or null (no edge).")] = "",
    ceiling: Annotated[float | None, typer.Option(help="Best possible accuracy of the simulated market.")] = None,
    seconds_per_bar: Annotated[float | None, typer.Option(help="Pace of the simulated market.")] = None,
    port: Annotated[int | None, typer.Option(help="Port of the dashboard.")] = None,
) -> None:
    """Run everything: the demo, or your own data.  Example: minh.py start --data NQZ25-CME.scid."""
    if data is not None and (market or ceiling is not None):
        raise MinhosError("--data and --market or --ceiling contradict each other: choose real bars or a simulation.")
    finite({"--ceiling": ceiling, "--seconds-per-bar": seconds_per_bar})
    overrides = _overrides(data, symbol, timezone, stamps, market, ceiling, seconds_per_bar, port)
    chosen = use_switches(overrides)
    refuse_second_start(layout())
    refuse_taken_port(chosen, layout())
    keep_to_owner()
    manager = ServiceManager(os.environ)
    if closed := close_to_others(layout()):
        say(closed)
    names = services_of(chosen, layout())
    with claim_start(layout().make()) as claim:
        if chosen.data.source:
            card = show_card(Path(chosen.data.source), chosen, layout())
            if not symbol:
                overrides.setdefault("market", {})["symbol"] = card.root
            chosen = use_switches(overrides)
            if finished_data(chosen):
                console.print("This is finished data: it is not paper-traded; the page shows what was found.")
                names = ("web",)
        supervise(Supervisor(layout(), names, claim=claim.pop_all()), chosen, manager, monitor=monitor)


def refuse_taken_port(chosen: Settings, place: Layout) -> None:
    """Raises InUse where another program has the port of the page; while something is held, that matters more.

    A page of ours that a killed `start` has left is taken over with the rest.
    """
    if not anything_held(place) and living(place, "web") is None:
        listen(chosen.web.host, chosen.web.port).close()


def services_of(chosen: Settings, place: Layout) -> tuple[str, ...]:
    """What is kept running; who hands on alarms only where the user has a channel.

    Raises SettingsError or PartsError for what no start takes, as `config set` does; while something is held that
    matters more: the trader says so instead and adds nothing.
    """
    if not anything_held(place):
        refuse_what_a_start_refuses(chosen, place)
    try:
        load_parts(chosen, place)
    except PartsError:
        return ALWAYS
    return (*ALWAYS, "alerts") if channels_of(chosen) else ALWAYS


def use_switches(overrides: Mapping[str, Mapping[str, object]]) -> Settings:
    """Settings with this run's switches, in force here and in every process that is started."""
    os.environ[OVERRIDES] = msgspec.json.encode(overrides).decode()
    return settings()


def _overrides(
    data: Path | None,
    symbol: str,
    timezone: str,
    stamps: str,
    market: str,
    ceiling: float | None,
    seconds_per_bar: float | None,
    port: int | None,
) -> dict[str, dict[str, object]]:
    """Switches of this run, by section; what was not given is left to the settings."""
    given: dict[str, dict[str, object]] = {
        "data": {"source": str(data.expanduser().resolve()) if data else None, "timezone": timezone, "stamps": stamps},
        "market": {"symbol": symbol},
        "simulation": {"kind": market, "ceiling": ceiling, "seconds_per_bar": seconds_per_bar},
        "web": {"port": port},
    }
    if market == "null" and ceiling is None:
        given["simulation"]["ceiling"] = 0.5
    if market or ceiling is not None:
        given["data"]["source"] = None
    kept = {name: {key: v for key, v in section.items() if v not in (None, "")} for name, section in given.items()}
    return {name: section for name, section in kept.items() if section}


def supervise(supervisor: Supervisor, chosen: Settings, manager: ServiceManager, *, monitor: bool) -> None:
    """Tend the processes until a signal; show what they do.

    Nothing that is shown ends what is tended: neither a page of the journal that cannot be read nor a terminal that is
    gone.  A signal ends everything in order, that of a closed terminal as well.
    """
    for number in (signal.SIGINT, signal.SIGTERM, getattr(signal, "SIGHUP", signal.SIGTERM)):
        signal.signal(number, lambda *_: setattr(supervisor, "stopping", True))
    with suppress(MinhosError):
        configure("supervisor", supervisor.layout.home)
    supervisor.open()
    manager.ready()
    console.print(f"Dashboard: [bold]http://localhost:{chosen.web.port}[/bold]   (Ctrl-C ends everything)")
    if chosen.simulated:
        console.print(
            "[yellow]SIMULATED: far easier than any real market (50 to 52.5 %); this one's ceiling is "
            f"{percent(ceiling_of(chosen))}.[/yellow]"
        )
    try:
        if monitor and console.is_terminal:
            _with_screen(supervisor, chosen, manager)
        else:
            _with_lines(supervisor, chosen, manager)
    finally:
        manager.stopping()
        with suppress(OSError):
            console.print("Stopping …")
        supervisor.close()


def _with_lines(supervisor: Supervisor, chosen: Settings, manager: ServiceManager) -> None:
    """A line whenever the state or its sentence changes, or a process does not run as it should."""
    watch, shown, problems = Watch(chosen, supervisor.layout), "", dict[str, str]()
    for _ in _rounds(supervisor):
        with _harmless():
            told = supervisor.notes | supervisor.problems
            for name, text in told.items():
                if text != problems.get(name):
                    say(text)
            problems = told
            line = watch.line()
            if line.plain != shown:
                console.print(line, highlight=False)
                shown = line.plain
        manager.alive(shown)


def _with_screen(supervisor: Supervisor, chosen: Settings, manager: ServiceManager) -> None:
    watch = Watch(chosen, supervisor.layout)
    with Live(Panel("starting"), console=console, screen=True, refresh_per_second=4) as live:
        for _ in _rounds(supervisor):
            with _harmless():
                live.update(watch.screen())
            manager.alive()


def _rounds(supervisor: Supervisor) -> Iterator[None]:
    """Each round of the supervisor's, until it is told to stop."""
    while (due_ns := supervisor.step()) is not None:
        _end_where_nothing_can_run(supervisor)
        yield
        sleep_until(supervisor, due_ns, SystemClock())


@contextmanager
def _harmless() -> Iterator[None]:
    """What is shown ends nothing that is tended: no terminal that is gone, and no defect of a view either."""
    try:
        yield
    except Exception as error:
        log.error("not shown", reason=f"{type(error).__name__}: {error}")


def _end_where_nothing_can_run(supervisor: Supervisor) -> None:
    """A mistake at a first start for which no trader can ever have run ends the start with its sentence."""
    for name, sentence in supervisor.refusals.items():
        raise MinhosError(f"{name} cannot run: {sentence}")


def stop() -> None:
    """End everything that runs here; positions keep their stops.  Example: minh.py stop."""
    names = stop_running(layout())
    if not names:
        claim_start(layout()).close()  # one that is still at what it shows of the data would go on
    console.print(f"Stopped: {', '.join(names)}." if names else "Nothing was running.")
