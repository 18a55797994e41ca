"""The gate for everybody who sends orders: one at a time over all processes, and free when its holder is killed."""

import multiprocessing
import os
import signal
import threading
import time

import pytest

from minhos.errors import VenueError
from minhos.venues.order_gate import OrderGate


@pytest.fixture
def gate(tmp_path):
    return OrderGate(tmp_path / "run" / "orders.lock")


def test_a_free_gate_is_had_and_free_again(gate):
    with gate.hold(0.0):
        assert gate.take() is None
    held = gate.take()
    assert held is not None
    held.release()
    held.release()
    with gate.hold(0.0):
        pass


def test_a_gate_that_is_held_is_refused_in_words(gate):
    with gate.hold(0.0), pytest.raises(VenueError, match=r"nothing was sent.*flatten"), gate.hold(0.02):
        pass


def test_whoever_waits_gets_it_when_it_is_free(gate):
    held, got = gate.take(), threading.Event()

    def wait():
        with gate.hold(30.0):
            got.set()

    waiting = threading.Thread(target=wait)
    waiting.start()
    assert not got.is_set()
    held.release()
    assert got.wait(30.0)
    waiting.join()


def test_an_error_inside_frees_it(gate):
    with pytest.raises(ZeroDivisionError), gate.hold(0.0):
        1 / 0
    with gate.hold(0.0):
        pass


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "run").touch()
    with (
        pytest.raises(VenueError, match=r"orders\.lock cannot be opened"),
        OrderGate(tmp_path / "run" / "orders.lock").hold(0),
    ):
        pass


def hold_for_ever(path, held):
    with OrderGate(path).hold(5.0):
        held.set()
        time.sleep(60.0)


def test_a_holder_that_is_killed_holds_nothing(gate):
    spawn = multiprocessing.get_context("spawn")
    held = spawn.Event()
    other = spawn.Process(target=hold_for_ever, args=(gate.path, held))
    other.start()
    assert held.wait(30.0)
    assert gate.take() is None
    os.kill(other.pid, signal.SIGKILL)
    other.join(10.0)
    with gate.hold(10.0):
        pass
