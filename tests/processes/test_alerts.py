"""Alarms reach the user's channels once each, whatever the channels do; trading knows nothing of them."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from pathlib import Path

import apprise
import pytest

from minhos import parts
from minhos.assembly import heartbeats
from minhos.assembly.heartbeats import AlertsBeat, TraderBeat, WatchdogBeat
from minhos.assembly.layout import Layout
from minhos.errors import PartsError
from minhos.journal.store import Journal
from minhos.market.clock import SimulatedClock
from minhos.market.types import NANOS_PER_SECOND
from minhos.processes import alerts as alerts_process
from minhos.processes.alerts import Alerts
from minhos.processes.background import Background
from minhos.settings import parse
from minhos.trading import events as ev
from minhos.trading.venue import VenueStatus

ROOT = Path(__file__).resolve().parents[2]
USERS = """
from minhos import parts

def make(options):
    if options.get("refuse"):
        raise ValueError("no phone number")
    return options["channel"]

parts.alerts.register("phone", make)
"""


class Inline:
    """A call that is over at once, or at a test's word."""

    def __init__(self, call: Callable[[], None], hangs: bool = False) -> None:
        self.problem, self.hangs = "", hangs
        try:
            call()
        except Exception as error:
            self.problem = f"{type(error).__name__}: {error}"

    def done(self) -> bool:
        return not self.hangs


class Phone:
    def __init__(self) -> None:
        self.heard: list[tuple[str, str, str]] = []
        self.failures = 0

    def send(self, severity: str, title: str, text: str) -> None:
        if self.failures:
            self.failures -= 1
            raise OSError("no network")
        self.heard.append((severity, title, text))

    @property
    def texts(self) -> list[str]:
        return [text for _, _, text in self.heard]


class Desk:
    """A home with a journal, a channel and the process, whose turns a test takes."""

    def __init__(self, home: Path, text: str = USERS, **options: object) -> None:
        self.layout, self.clock, self.phone = Layout(home).make(), SimulatedClock(), Phone()
        self.journal = Journal.open(self.layout.journal("paper", "paper"), {"mode": "paper", "account": "paper"})
        (home / "mine.py").write_text(text, encoding="utf-8")
        values = {"data": {"source": "bars"}, "user": {"file": "mine.py"}, "alert": {"phone": options}}
        self.settings = parse(values)
        self.settings.alert["phone"]["channel"] = self.phone
        self.start: Callable[[Callable[[], None]], Inline] = Inline

    def begin(self) -> Alerts:
        alerts = Alerts(self.settings, self.layout, self.clock, lambda call: self.start(call))
        alerts.open()
        return alerts

    def alarm(self, text: str) -> None:
        self.append(ev.Alarm(1, text))

    def append(self, event: ev.Event) -> None:
        self.journal.append(ev.kind_of(event), ev.encode(event), self.clock.now_ns())

    def run(self, alerts: Alerts, seconds: int) -> None:
        for _ in range(seconds):
            due_ns = alerts.step()
            assert due_ns is not None
            self.clock.advance_to(due_ns)

    @property
    def beat(self) -> AlertsBeat:
        beat = heartbeats.read(self.layout, AlertsBeat)
        assert beat is not None
        return beat


@pytest.fixture(autouse=True)
def no_parts() -> Iterator[None]:
    yield
    parts.load_source(parts.Source())


def test_an_alarm_is_sent_once_and_not_again_after_a_restart(tmp_path):
    desk = Desk(tmp_path)
    desk.alarm("long ago")
    alerts = desk.begin()
    desk.run(alerts, 2)
    assert desk.phone.heard == [], "what happened before the channel was known is not told"
    desk.alarm("the stop is missing")
    desk.run(alerts, 5)
    assert desk.phone.heard == [("critical", "MinhOS paper", "the stop is missing")]
    assert desk.beat.sent == 1
    desk.alarm("while nobody looked")
    desk.run(desk.begin(), 5)
    assert desk.phone.texts == ["the stop is missing", "while nobody looked"]


def test_a_channel_that_raises_is_named_and_tried_again(tmp_path):
    desk = Desk(tmp_path)
    alerts = desk.begin()
    desk.run(alerts, 1)
    desk.phone.failures = 2
    desk.alarm("first")
    desk.run(alerts, 5)
    where = parts.alerts.part("phone").where
    assert where.startswith(f"{tmp_path / 'mine.py'}:")
    assert desk.beat.failures == {
        "phone": f"{where}: the alert channel 'phone' raised OSError: no network; see what it needs there and in "
        "[alert.phone] of minhos.toml, then start MinhOS again."
    }
    desk.run(alerts, 30)
    assert (desk.phone.texts, desk.beat.failures) == (["first"], {})


def test_an_async_channel_is_awaited_and_counts_only_then(tmp_path):
    class Afterwards(Phone):
        async def send(self, severity: str, title: str, text: str) -> None:
            Phone.send(self, severity, title, text)

    desk = Desk(tmp_path)
    desk.phone = desk.settings.alert["phone"]["channel"] = Afterwards()
    alerts = desk.begin()
    desk.run(alerts, 1)
    desk.phone.failures = 1
    desk.alarm("the stop is missing")
    desk.run(alerts, 5)
    assert (desk.phone.texts, desk.beat.sent) == ([], 0)
    assert "raised OSError: no network" in desk.beat.failures["phone"]
    desk.run(alerts, 30)
    assert (desk.phone.texts, desk.beat.sent) == (["the stop is missing"], 1)


def test_what_a_channel_did_not_take_is_tried_again_with_what_came_since(tmp_path):
    desk = Desk(tmp_path)
    alerts = desk.begin()
    desk.run(alerts, 1)
    desk.phone.failures = 4
    desk.alarm("first")
    desk.run(alerts, 100)
    for n in range(4):
        desk.alarm(f"number {n}")
    desk.run(alerts, 200)
    assert desk.phone.texts == ["5 messages:\n- first\n- number 0\n- number 1\n- number 2\n- number 3"]
    assert desk.beat.failures == {}


def test_what_waits_for_the_morning_outlives_a_restart_and_nothing_is_told_twice(tmp_path):
    desk = Desk(tmp_path, quiet="00:00-07:00", zone="UTC", least="info")
    alerts = desk.begin()
    desk.run(alerts, 1)
    desk.append(ev.EngineStarted(1, "paper", "paper", "0.2.0", 100))
    desk.alarm("unprotected")
    desk.run(alerts, 3)
    assert desk.phone.texts == ["unprotected"]
    desk.run(desk.begin(), 3)
    assert desk.phone.texts == ["unprotected"]
    desk.clock.advance_to(7 * 3600 * NANOS_PER_SECOND)
    desk.run(desk.begin(), 3)
    assert desk.phone.texts == ["unprotected", "The trader of paper paper runs; version 0.2.0."]


def test_what_changed_while_alerts_were_away_is_told(tmp_path):
    desk = Desk(tmp_path)
    alerts = desk.begin()
    desk.run(alerts, 1)
    desk.append(ev.VenueStatusSeen(VenueStatus(1, False, "no line")))
    desk.run(alerts, 3)
    desk.append(ev.VenueStatusSeen(VenueStatus(2, True)))
    desk.run(desk.begin(), 3)
    assert desk.phone.texts == ["The venue takes no orders: no line", "The venue takes orders again."]


def test_what_waited_in_a_channel_that_failed_outlives_a_restart(tmp_path):
    desk = Desk(tmp_path)
    alerts = desk.begin()
    desk.run(alerts, 1)
    desk.phone.failures = 1
    desk.append(ev.VenueStatusSeen(VenueStatus(1, False, "no line")))
    desk.run(alerts, 3)
    desk.run(desk.begin(), 3)
    assert desk.phone.texts == ["The venue takes no orders: no line"]


def test_a_journal_that_is_begun_anew_loses_nothing_that_waits_and_tells_what_is_newer(tmp_path):
    desk = Desk(tmp_path)
    jobs: list[Inline] = []
    desk.start = lambda call: jobs.append(Inline(call, hangs=True)) or jobs[-1]
    alerts = desk.begin()
    desk.run(alerts, 1)
    for n in range(3):
        desk.alarm(f"before {n}")
    desk.run(alerts, 3)
    path = desk.layout.journal("paper", "paper")
    desk.journal.close()
    for each in path.parent.glob(f"{path.name}*"):
        each.unlink()
    desk.journal = Journal.open(path, {"mode": "paper", "account": "paper"})
    desk.alarm("the journal is begun anew")
    desk.run(alerts, 2)
    jobs[0].hangs, desk.start = False, Inline
    desk.run(alerts, 100)
    whole = "\n".join(desk.phone.texts)
    assert all(f"before {n}" in whole for n in range(3))
    assert "the journal is begun anew" in whole


def test_of_two_addresses_the_one_that_fails_is_named_and_the_other_rings_once(tmp_path, monkeypatch):
    heard: list[str] = []

    def notify(self: object, body: str, **_: object) -> bool:
        heard.append(body)
        return False

    desk = Desk(tmp_path)
    desk.settings.alert["mail"] = {"urls": ["json://localhost/secret", "xml://localhost/secret"]}
    alerts = desk.begin()
    desk.run(alerts, 1)
    second = next(each for each in alerts.deliveries if each.name == "mail (address 2)")
    first = next(each for each in alerts.deliveries if each.name == "mail (address 1)")
    monkeypatch.setattr(apprise.Apprise, "notify", notify)
    first._send = desk.phone.send
    desk.alarm("unprotected")
    desk.run(alerts, 30)
    assert desk.phone.texts == ["unprotected"] * 2, "the phone and the first address, once each"
    assert len(heard) == 2, "the second is tried again after 10 s"
    assert second.failure == (
        "minhos.toml [alert.mail]: the alert channel 'mail (address 2)' raised OSError: XML did not take it; see what "
        "it needs there and in [alert.mail] of minhos.toml, then start MinhOS again."
    )


class Web:
    """An address of the web that answers, or does not."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.asked: list[str] = []
        self.answers = True
        monkeypatch.setattr(alerts_process.urllib.request, "urlopen", self.open)

    def open(self, url: str, timeout: float) -> io.BytesIO:
        self.asked.append(url)
        if not self.answers:
            raise OSError("no route to secret-id")
        return io.BytesIO(b"OK")


def test_silence_outside_is_what_tells_of_a_dead_trader(tmp_path, monkeypatch):
    web, desk = Web(monkeypatch), Desk(tmp_path)
    desk.settings.alert["alive"] = {"ping": "https://example.com/secret-id"}
    alerts = desk.begin()

    def live(seconds: int, *, trader: bool) -> None:
        for _ in range(seconds):
            for beat in (TraderBeat(state="running"),) * trader + (WatchdogBeat(state="idle"),):
                heartbeats.write(desk.layout, beat, desk.clock)
            desk.run(alerts, 1)

    live(2, trader=True)
    desk.clock.advance_to(60 * NANOS_PER_SECOND)
    live(2, trader=True)
    assert web.asked == ["https://example.com/secret-id"] * 2
    desk.clock.advance_to(180 * NANOS_PER_SECOND)
    live(5, trader=False)
    assert len(web.asked) == 2
    web.answers = False
    live(3, trader=True)
    assert desk.beat.failures == {
        "alive": "minhos.toml [alert.alive]: the alert channel 'alive' failed: its address did not answer as it "
        "should; see what it needs there and in [alert.alive] of minhos.toml, then start MinhOS again."
    }


def test_a_channel_that_hangs_is_named_and_waited_for(tmp_path):
    desk = Desk(tmp_path)
    jobs: list[Inline] = []
    desk.start = lambda call: jobs.append(Inline(call, hangs=True)) or jobs[-1]
    alerts = desk.begin()
    desk.run(alerts, 1)
    desk.alarm("first")
    desk.alarm("second")
    desk.run(alerts, 40)
    where = parts.alerts.part("phone").where
    assert desk.beat.failures["phone"].startswith(f"{where}: the alert channel 'phone' has not returned for 30 s; ")
    assert len(jobs) == 1, "one call at a time"
    jobs[0].hangs, desk.start = False, Inline
    desk.run(alerts, 5)
    assert (desk.phone.texts, desk.beat.failures) == (["first", "second"], {})


def test_a_channel_that_cannot_be_made_is_named_with_its_line(tmp_path):
    desk = Desk(tmp_path, refuse=True)
    desk.run(desk.begin(), 1)
    assert desk.beat.failures["phone"].startswith(
        f"{tmp_path / 'mine.py'}:6: the alert channel 'phone' cannot be made (ValueError: no phone number); "
    )


OTHERS = """
@parts.alerts("mute")
class Mute:
    def __init__(self, options):
        pass

@parts.alerts("gone")
def gone(options):
    raise SystemExit(3)

@parts.alerts("raises")
class Raises:
    def __init__(self, options):
        pass

    def send(self, severity, title, text):
        raise ValueError("a number in text")
"""


def test_what_is_wrong_with_one_channel_silences_no_other(tmp_path):
    desk = Desk(tmp_path, "from minhos import parts\n" + OTHERS + USERS)
    alerts = desk.begin()
    desk.run(alerts, 1)
    desk.alarm("the stop is missing")
    desk.run(alerts, 3)
    assert desk.phone.texts == ["the stop is missing"]
    failures = desk.beat.failures
    where = {name: parts.alerts.part(name).where for name in failures}
    assert failures == {
        name: f"{line}: the alert channel {name!r} {what}; see what it needs there and in [alert.{name}] of "
        "minhos.toml, then start MinhOS again."
        for name, line, what in (
            (
                "mute",
                where["mute"],
                "cannot be made (TypeError: what it makes (Mute) has no method send(severity, title, text))",
            ),
            ("gone", f"{tmp_path / 'mine.py'}:10", "cannot be made (SystemExit: 3)"),
            ("raises", f"{tmp_path / 'mine.py'}:18", "raised ValueError: a number in text"),
        )
    }


def test_a_file_that_does_not_load_is_a_sentence(tmp_path):
    with pytest.raises(PartsError, match=r"mine.py:1: your parts cannot be loaded"):
        Desk(tmp_path, "1 / 0").begin()


def test_a_call_in_the_background_tells_how_it_ended():
    for call, problem in ((lambda: None, ""), (lambda: 1 / 0, "ZeroDivisionError: division by zero")):
        job = Background(call)
        assert job._over.wait(20)
        assert (job.done(), job.problem) == (True, problem)


def test_the_example_writes_every_alarm_into_a_file(tmp_path):
    desk = Desk(tmp_path, (ROOT / "examples" / "alert_file.py").read_text(encoding="utf-8"))
    desk.settings.alert["diary"] = {"file": str(tmp_path / "alarms.txt")}
    alerts = desk.begin()
    desk.run(alerts, 1)
    desk.alarm("the stop is missing")
    desk.run(alerts, 3)
    assert (tmp_path / "alarms.txt").read_text(encoding="utf-8") == "critical from MinhOS paper: the stop is missing\n"
