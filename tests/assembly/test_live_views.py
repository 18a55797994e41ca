"""What pages know of a journal that is only now being made."""

from __future__ import annotations

from web_journal import say_running, write_journal

from minhos.assembly.layout import Layout
from minhos.assembly.live_views import LiveViews
from minhos.settings import load
from minhos.testing.builders import trading_events
from minhos.views.status import status


def test_on_a_first_start_no_disk_is_blamed(tmp_path):
    layout = Layout(tmp_path).make()
    layout.journal("simulated", "paper").touch()
    say_running(layout)
    live = LiveViews(load(tmp_path), layout)
    now = live.read(status)
    assert now.state in ("no_predictions", "training")
    assert not live.around.journal_error
    layout.journal("simulated", "paper").unlink()
    write_journal(tmp_path, trading_events()).close()
    assert live.read(status).state == "live", "what was made meanwhile is read"
