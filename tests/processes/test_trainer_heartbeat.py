"""A training that reports nothing for minutes is still told of: the trainer's heart beats beside it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from threading import Event

from minhos.assembly import heartbeats
from minhos.assembly.heartbeats import TrainerBeat
from minhos.assembly.layout import Layout
from minhos.errors import TrainingError
from minhos.processes import trainer as module
from minhos.processes.trainer import Trainer
from minhos.settings import load


def test_a_silent_training_is_seen_as_one(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(module, "BEAT_S", 0.01)
    layout = Layout(tmp_path)
    trainer = Trainer(load(tmp_path), layout)
    heard: list[int] = []

    def silent(*_: object, progress: Callable[[float, str], None], **__: object) -> None:
        waiting = Event()
        for _ in range(500):
            beat = heartbeats.read(layout, TrainerBeat)
            if beat and beat.state == "training" and beat.time_ns not in heard:
                heard.append(beat.time_ns)
            if len(heard) >= 3:
                raise TrainingError("enough was heard.")
            waiting.wait(0.01)

    monkeypatch.setattr(module, "run_training", silent)
    monkeypatch.setattr(Trainer, "due", lambda self: setattr(self, "stopping", True) or "there is no model yet")
    monkeypatch.setattr(module, "POLL_S", 0.0)
    trainer.run()
    assert len(heard) >= 3
    assert "enough was heard" in trainer.last_error
