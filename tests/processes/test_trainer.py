"""The trainer's turns: when it trains, what it says meanwhile, and how it ends."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from minhos import parts
from minhos.assembly import heartbeats
from minhos.assembly.heartbeats import TrainerBeat, ask_for_training_now, read_training
from minhos.assembly.layout import Layout
from minhos.errors import TrainingError
from minhos.market.clock import SimulatedClock
from minhos.models.bundle import BundleInfo
from minhos.processes import trainer as module
from minhos.processes.trainer import RETRY_S, Trainer
from minhos.settings import load, parse


class Later:
    """A call that is made when a test says so."""

    def __init__(self, call: Callable[[], None]) -> None:
        self._call, self._over, self.problem = call, False, ""

    def done(self) -> bool:
        return self._over

    def finish(self) -> None:
        try:
            self._call()
        except Exception as error:
            self.problem = f"{type(error).__name__}: {error}"
        self._over = True


class Desk:
    def __init__(self, home: Path, **sections: dict) -> None:
        self.layout, self.clock, self.jobs = Layout(home), SimulatedClock(10**18), []
        settings = parse(sections) if sections else load(home)
        self.trainer = Trainer(settings, self.layout, self.clock, self.begin)
        self.trainer.open()

    def begin(self, call: Callable[[], None]) -> Later:
        self.jobs.append(Later(call))
        return self.jobs[-1]

    def turn(self) -> TrainerBeat:
        """The heartbeat after one turn; the clock then stands at the next."""
        due_ns = self.trainer.step()
        assert due_ns is not None
        self.clock.advance_to(due_ns)
        beat = heartbeats.read(self.layout, TrainerBeat)
        assert beat is not None
        return beat


@pytest.fixture(autouse=True)
def no_parts() -> Iterator[None]:
    yield
    parts.load_source(parts.Source())


def refuse(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(module, "run_training", fail)


def test_a_training_that_reports_nothing_is_told_of_every_second(tmp_path, monkeypatch):
    refuse(monkeypatch, TrainingError("enough was heard."))
    desk = Desk(tmp_path)
    beats = [desk.turn() for _ in range(60)]
    assert {beat.state for beat in beats} == {"training"}
    assert len({beat.time_ns for beat in beats}) == 60
    assert len(desk.jobs) == 1


def test_a_training_that_failed_is_tried_again_later_and_at_once_where_asked(tmp_path, monkeypatch):
    refuse(monkeypatch, TrainingError("too little data."))
    desk = Desk(tmp_path)
    desk.turn()
    desk.jobs[0].finish()
    beat = desk.turn()
    assert (beat.state, beat.error) == ("waiting", "too little data.")
    told = read_training(desk.layout)
    assert told is not None
    assert told.message == "Training failed: too little data. It is tried again in 10 minutes."
    ask_for_training_now(desk.layout, "anna", desk.clock)
    assert (desk.turn().state, len(desk.jobs)) == ("training", 2)
    desk.jobs[1].finish()
    assert desk.turn().state == "waiting"
    desk.clock.sleep(RETRY_S)
    assert (desk.turn().state, len(desk.jobs)) == ("training", 3)


def test_a_fault_of_ours_in_a_training_ends_the_training_and_not_the_trainer(tmp_path, monkeypatch):
    refuse(monkeypatch, ZeroDivisionError("division by zero"))
    desk = Desk(tmp_path)
    desk.turn()
    desk.jobs[0].finish()
    assert desk.turn().error == "Training failed: ZeroDivisionError: division by zero"


def test_with_parts_that_do_not_load_nothing_is_trained(tmp_path):
    (tmp_path / "mine.py").write_text("1 / 0", encoding="utf-8")
    desk = Desk(tmp_path, user={"file": "mine.py"})
    for _ in range(5):
        beat = desk.turn()
    assert (beat.state, desk.jobs) == ("waiting", [])
    assert beat.error.startswith(f"Nothing is trained: {tmp_path / 'mine.py'}:1: your parts cannot be loaded")


def test_it_ends_when_asked_also_in_the_midst_of_a_training(tmp_path, monkeypatch):
    ended: list[str] = []
    desk = Desk(tmp_path)
    desk.turn()
    monkeypatch.setattr(module, "end_trainings", lambda: ended.append("ended"))
    desk.trainer.stopping = True
    assert desk.trainer.step() is None
    desk.trainer.close()
    assert len(ended) > 1, "a child that was started meanwhile is ended too"


@pytest.mark.parametrize(("days_ahead", "why"), [(-1, ""), (-8, "8 days old"), (0.001, ""), (30, "lies in the future")])
def test_a_model_is_replaced_when_it_is_old_and_when_its_age_cannot_be_known(tmp_path, monkeypatch, days_ahead, why):
    desk = Desk(tmp_path)
    made_ns = desk.clock.now_ns() + round(days_ahead * 86_400 * 10**9)
    monkeypatch.setattr(module, "active_bundle", lambda *_: BundleInfo("one", tmp_path, created_ns=made_ns))
    said = desk.trainer.due()
    assert why in said
    assert bool(said) == bool(why)


def test_a_day_is_compared_beside_its_turns_and_one_that_fails_is_named(tmp_path, monkeypatch):
    refuse(monkeypatch, TrainingError("enough was heard."))
    desk, compared = Desk(tmp_path), []

    def fails() -> None:
        compared.append(1)
        raise OSError("No space left on device")

    monkeypatch.setattr(desk.trainer.after_close, "ended", lambda: fails if not compared else None)
    assert [desk.turn().state for _ in range(5)] == ["waiting"] * 5
    (job,) = desk.jobs
    assert compared == [], "not in a turn"
    job.finish()
    assert desk.turn().state == "training", "and what was due goes on"
    assert compared == [1]
