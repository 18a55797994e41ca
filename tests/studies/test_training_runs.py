"""A training's child and the thread that ends it."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from minhos.errors import TrainingError
from minhos.studies import training_runs as module

CHILD = 'import time; print(\'{"progress": 0.1, "message": "fits"}\', flush=True); time.sleep(60)'


class Training(threading.Thread):
    """What the trainer's job does, with a child that only waits.  starting: called before the child is started."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, starting: Callable[[], object] = lambda: None) -> None:
        super().__init__(daemon=True)
        self.heard, self.error = threading.Event(), ""
        popen = subprocess.Popen

        def start(command: list[str], **options: object) -> subprocess.Popen[str]:
            starting()
            return popen([sys.executable, "-c", CHILD], **options)

        monkeypatch.setattr(module.subprocess, "Popen", start)

    def run(self) -> None:
        try:
            module._watch(Path("job.json"), lambda share, text: self.heard.set())
        except TrainingError as error:
            self.error = str(error)


def test_a_training_is_ended_from_another_thread(monkeypatch):
    training = Training(monkeypatch)
    training.start()
    assert training.heard.wait(20)
    module.end_trainings()
    training.join(20)
    assert training.error.startswith("the training process ended with code ")
    assert module._under_way == []
    module.end_trainings()


def test_one_that_is_being_started_is_waited_for_and_ended(monkeypatch):
    starting, go_on = threading.Event(), threading.Event()
    training = Training(monkeypatch, lambda: (starting.set(), go_on.wait(20)))
    training.start()
    assert starting.wait(20)
    ending = threading.Thread(target=module.end_trainings, daemon=True)
    ending.start()
    ending.join(0.1)
    assert ending.is_alive()
    go_on.set()
    training.join(20)
    ending.join(20)
    assert training.error.startswith("the training process ended with code ")
    assert module._under_way == []
