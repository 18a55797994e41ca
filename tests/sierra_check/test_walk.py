"""check-sierra against servers that behave, misbehave, or are something else altogether."""

import os
import shutil
import signal
import socket
import ssl
import subprocess
import threading
import tracemalloc

import msgspec
import pytest
from sierra_served import NOW_NS, REFUSED, SYMBOL, Broker, Clock, answering, checked, served, settings

import minhos.dtc.messages as m
from minhos.assembly.files import read_json, write_json
from minhos.assembly.layout import Layout
from minhos.dtc.codec import Encoding, encode
from minhos.dtc.faults import Faults
from minhos.errors import SettingsError
from minhos.market.clock import SystemClock
from minhos.sierra_check.finding import Verdict, as_text
from minhos.sierra_check.walk import BRACKET_STEPS, ORDER_STEPS, check_sierra
from minhos.venues.order_gate import OrderGate

CME = Faults(reject_market_data=REFUSED)


@pytest.fixture
def clock():
    return Clock(SystemClock())


def broker(faults=CME, accounts=("Sim1", "120005"), **facts):
    made = Broker({SYMBOL: 25_000.0}, accounts=accounts, faults=faults)
    for name, value in facts.items():
        setattr(made, name, value)
    return made


def working(backend):
    return [order for order in backend.orders.values() if order.is_live]


def test_a_server_that_behaves_is_ready_and_nothing_is_left_behind(tmp_path, clock):
    with served(broker()) as (port, backend, _):
        found, report = checked(tmp_path, port, clock)
    assert (report.verdict, report.failed) == ("ready", ())
    not_seen = {step for step, each in found.items() if each.verdict is Verdict.UNKNOWN}
    assert not_seen == {"scid", "clock_skew", "dead_client", "live_order_in_simulation_mode", "margin_reject_text"}
    assert {*ORDER_STEPS, *BRACKET_STEPS} <= found.keys()
    assert found["market_data"].value == {"served": False, "text": REFUSED}
    assert found["json_unset"].value["Price2"] == "left out"
    assert report.legs == "stop"
    assert working(backend) == [] == backend.fills
    assert len(backend.orders) >= 6
    assert all(len(order.client_order_id) <= 31 for order in backend.orders.values())


def test_the_report_is_saved_as_json_and_as_text_that_can_be_sent(tmp_path, clock):
    with served(broker()) as (port, *_):
        _, report = checked(tmp_path, port, clock)
    stored = read_json(Layout(tmp_path).reports / "sierra.json")
    assert stored["verdict"] == "ready"
    assert stored["clock_skew_s"] is None
    assert stored["legs"] == "stop"
    text = (Layout(tmp_path).reports / "sierra.txt").read_text()
    assert text == as_text(report)
    assert "[ok     ] order_price: The price of NQZ26-CME comes back as it was meant, 20." in text


def test_account_numbers_and_logon_are_in_no_report(tmp_path, clock):
    secrets = {"username": "trader-joe", "password": "open-sesame"}
    faults = Faults(user="trader-joe", password="open-sesame")
    with served(broker(faults, accounts=("120005", "998877"))) as (port, *_):
        found, report = checked(tmp_path, port, clock, account="120005", mode="live", **secrets)
    written = b"".join(path.read_bytes() for path in Layout(tmp_path).reports.iterdir()).decode()
    for secret in ("120005", "998877", "trader-joe", "open-sesame"):
        assert secret not in written
    assert report.account == "****05"
    assert found["accounts"].value == ["****05", "****77"]


@pytest.mark.parametrize(
    "faults",
    [
        Faults(split_bytes=64),
        Faults(unknown_messages=True),
        Faults(longer_by=9),
        Faults(duplicate=frozenset({m.OrderUpdate.TYPE, m.PositionUpdate.TYPE})),
        Faults(delay=frozenset({m.OrderUpdate.TYPE}), delay_s=0.05),
        Faults(preset_encoding=Encoding.JSON),
        Faults(partial_fills=True, no_final_record=True),
    ],
    ids=["split", "unknown", "longer", "twice", "late", "preset", "partial"],
)
def test_a_server_that_is_only_odd_is_ready_all_the_same(tmp_path, clock, faults):
    with served(broker(faults)) as (port, backend, _):
        _, report = checked(tmp_path, port, clock)
    assert report.failed == ()
    assert working(backend) == []


@pytest.mark.parametrize(
    ("dropped", "step"),
    [
        (m.TradeAccountResponse, "answers"),
        (m.AccountBalanceUpdate, "balance"),
        (m.OrderUpdate, "open_orders"),
        (m.HistoricalOrderFillResponse, "fills"),
    ],
)
def test_an_answer_that_never_comes_fails_its_step(tmp_path, clock, dropped, step):
    with served(broker(), Faults(drop=frozenset({dropped.TYPE}))) as (port, *_):
        _, report = checked(tmp_path, port, clock, request_timeout_s=0.2)
    assert step in report.failed


def test_orders_that_are_not_answered_and_not_listed_are_not_called_gone(tmp_path, clock):
    with served(broker(), Faults(drop=frozenset({m.OrderUpdate.TYPE}))) as (port, backend, _):
        found, report = checked(tmp_path, port, clock, request_timeout_s=0.2)
    assert len(working(backend)) == 1
    assert {"order", "clean_up"} <= set(report.failed)
    assert "cancel what begins with check-" in found["clean_up"].way_out


def test_on_a_live_account_no_order_is_tried(tmp_path, clock):
    with served(broker()) as (port, backend, _):
        found, report = checked(tmp_path, port, clock, account="120005", mode="live")
    assert backend.orders == {}
    assert report.verdict == "ready"
    assert report.legs == ""
    assert "simulated account only" in found["order"].sentence
    assert found["broker_loss_limit"].verdict is Verdict.WARNING


def test_without_a_host_the_line_to_add_is_named(tmp_path):
    with pytest.raises(SettingsError, match=r"add host = .* under \[sierra\]"):
        check_sierra(settings(1).model_copy(update={"sierra": settings(1, host="").sierra}), Layout(tmp_path))


def test_a_mode_that_contradicts_the_account_fails(tmp_path, clock):
    with served(broker()) as (port, backend, _):
        found, report = checked(tmp_path, port, clock, account="120005")
    assert report.failed == ("settings",)
    assert "mode says paper" in found["settings"].sentence
    assert "120005" not in found["settings"].sentence
    assert backend.orders == {}


# The connection -----------------------------------------------------------------------------------------------------


def test_nobody_listens(tmp_path, clock):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    found, report = checked(tmp_path, port, clock)
    assert report.failed == ("connection",)
    assert list(found) == ["connection"]
    assert "Enable DTC Protocol Server" in found["connection"].way_out


def test_a_web_server(tmp_path, clock):
    with answering(lambda connection: connection.recv(99) and connection.sendall(b"HTTP/1.1 400 No\r\n\r\n")) as port:
        found, _ = checked(tmp_path, port, clock)
    assert "is not DTC" in found["connection"].sentence
    assert "Another program listens on that port" in found["connection"].way_out


def test_a_peer_that_says_nothing(tmp_path, clock):
    with answering(lambda connection: connection.recv(99) and connection.recv(99)) as port:
        found, _ = checked(tmp_path, port, clock, request_timeout_s=0.2)
    assert "did not answer the encoding request" in found["connection"].sentence


def test_a_hostile_peer_that_sends_without_end_costs_little_memory(tmp_path, clock):
    sent = 0

    def flood(connection):
        nonlocal sent
        connection.recv(99)
        connection.sendall(encode(m.EncodingResponse(), Encoding.BINARY))
        connection.recv(999)
        junk = encode(m.GeneralLogMessage("x" * 100), Encoding.BINARY) * 5_000
        while True:
            connection.sendall(junk)
            sent += len(junk)

    tracemalloc.start()
    with answering(flood) as port:
        found, report = checked(tmp_path, port, clock, request_timeout_s=1.0)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert report.failed == ("logon",)
    assert "did not answer the logon" in found["logon"].sentence
    assert sent > 5_000_000 > peak - 10_000_000


def test_another_encoding_than_asked_for(tmp_path, clock):
    def insist(connection):
        connection.recv(99)
        connection.sendall(encode(m.EncodingResponse(encoding=4), Encoding.BINARY))

    with answering(insist) as port:
        found, _ = checked(tmp_path, port, clock)
    assert "Encoding to Automatic" in found["connection"].way_out


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl makes the certificate")
def test_tls_on_one_side_only_is_named(tmp_path, clock):
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subprocess.run(
        [
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-subj",
            "/CN=localhost",
            "-days",
            "1",
            "-keyout",
            str(key),
            "-out",
            str(certificate),
        ],
        check=True,
        capture_output=True,
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with served(tls=context) as (port, *_):
        found, _ = checked(tmp_path, port, clock)
    assert "set tls = true under [sierra]" in found["connection"].way_out
    with served() as (port, *_):
        found, _ = checked(tmp_path, port, clock, tls=True)
    assert found["connection"].verdict is Verdict.FAILED


@pytest.mark.parametrize("given", [{}, {"username": "joe", "password": "wrong"}])
def test_a_wrong_password(tmp_path, clock, given):
    with served(faults=Faults(user="joe", password="right")) as (port, *_):
        found, report = checked(tmp_path, port, clock, **given)
    assert report.failed == ("logon",)
    assert "Wrong username or password" in found["logon"].sentence
    assert "Require Authentication" in found["logon"].way_out


def test_a_server_that_falls_silent_after_the_logon(tmp_path, clock):
    with served(faults=Faults(silent_after_logon=True)) as (port, *_):
        found, report = checked(tmp_path, port, clock, request_timeout_s=0.2)
    assert report.failed == ("answers",)
    assert "answers nothing" in found["answers"].sentence


# Account and symbols ------------------------------------------------------------------------------------------------


def test_trading_disabled(tmp_path, clock):
    with served(broker(), Faults(trading_disabled=True)) as (port, backend, _):
        found, report = checked(tmp_path, port, clock)
    assert "trading_allowed" in report.failed
    assert "Allow Trading to Yes" in found["trading_allowed"].way_out
    assert working(backend) == []


def test_a_missing_account(tmp_path, clock):
    with served(broker()) as (port, backend, _):
        found, report = checked(tmp_path, port, clock, account="Sim7")
    assert "accounts" in report.failed
    assert "Sim1, ****05" in found["accounts"].sentence
    assert working(backend) == []


@pytest.mark.parametrize(
    ("changes", "step", "verdict"),
    [
        ({"trading_is_disabled": 1}, "balance", Verdict.FAILED),
        ({"cash_balance": 0.0}, "balance", Verdict.FAILED),
        ({"daily_net_loss_limit": 1_500.0}, "broker_loss_limit", Verdict.OK),
    ],
)
def test_balances(tmp_path, clock, changes, step, verdict):
    with served(broker(balance_changes=changes)) as (port, *_):
        found, _ = checked(tmp_path, port, clock)
    assert found[step].verdict is verdict


@pytest.mark.parametrize(
    ("changes", "verdict", "words"),
    [
        ({"min_price_increment": 0.1}, Verdict.FAILED, "is 0.1 at the server and 0.25 here"),
        ({"currency_value_per_increment": 0.5}, Verdict.FAILED, "worth 0.5 at the server and 5 here"),
        ({"currency_value_per_increment": 0.0}, Verdict.WARNING, "does not say what a tick is worth"),
        ({"display_price_multiplier": 0.1}, Verdict.WARNING, "is neither 1 nor .01"),
        ({"is_delayed": 1}, Verdict.WARNING, "delayed data are never traded"),
        ({"security_expiration_date": NOW_NS // 10**9}, Verdict.WARNING, "expires on 2026-10-14, not 2026-12-18"),
        ({"rollover_date": 2**32 - 1}, Verdict.WARNING, "rolls on 2106-02-07, not 2026-12-10"),
    ],
)
def test_definitions(tmp_path, clock, changes, verdict, words):
    with served(broker(definition_changes=changes)) as (port, *_):
        found, _ = checked(tmp_path, port, clock)
    assert (found[f"definition/{SYMBOL}"].verdict, words in found[f"definition/{SYMBOL}"].sentence) == (verdict, True)


def test_a_contract_that_the_server_does_not_know(tmp_path, clock):
    with served(Broker({"ESZ26-CME": 6_000.0}, accounts=("Sim1",))) as (port, backend, _):
        found, report = checked(tmp_path, port, clock)
    assert "symbol/NQZ26" in report.failed
    assert "File >> Find Symbol" in found["symbol/NQZ26"].way_out
    assert backend.orders == {}


def test_both_contracts_are_looked_up_and_the_traded_one_is_ordered(tmp_path, clock):
    backend = Broker({"MNQZ26_FUT_CME": 25_000.0, SYMBOL: 25_000.0}, accounts=("Sim1",))
    backend.definition_changes = {"currency_value_per_increment": 0.5}
    with served(backend) as (port, *_):
        found, _ = checked(tmp_path, port, clock, changes={"market": {"order_root": "MNQ"}})
    assert found["definition/MNQZ26_FUT_CME"].verdict is Verdict.OK
    assert {order.symbol for order in backend.orders.values()} == {"MNQZ26_FUT_CME"}


def test_data_that_are_served_and_symbols_that_are_invented_are_said(tmp_path, clock):
    backend = broker(Faults())
    backend.prices["ZZZZ99-CME"] = 1.0
    backend.records[SYMBOL] = [
        m.HistoricalPriceDataRecordResponse(start_date_time=NOW_NS // 10**9, last_price=25_000.0)
    ]
    with served(backend) as (port, *_):
        found, _ = checked(tmp_path, port, clock)
    assert found["market_data"].value == found["history"].value == {"served": True}
    assert found["unknown_symbol"].verdict is Verdict.WARNING


# Orders -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("multiplier", [1.0, 0.01])
def test_a_price_scale_that_is_stated_is_kept(tmp_path, clock, multiplier):
    faults = Faults(display_price_multiplier=multiplier, new_id_on_replace=True)
    with served(broker(faults)) as (port, backend, _):
        found, report = checked(tmp_path, port, clock)
    assert report.verdict == "ready"
    assert found["order_price"].value["received"] == 80 * 0.25
    assert {order.price1 for order in backend.orders.values()} >= {20.0 / multiplier, 15.0 / multiplier}
    assert found["replace"].value == {"id_changes": True, "previous_named": True}


@pytest.mark.parametrize("times", [100.0, 0.01])
def test_a_price_that_comes_back_a_hundred_times_off_fails(tmp_path, clock, times):
    with served(broker(echo_times=times)) as (port, backend, _):
        found, report = checked(tmp_path, port, clock)
    assert "order_price" in report.failed
    assert f"{times:g} times that" in found["order_price"].sentence
    assert working(backend) == []


def test_a_bracket_with_the_stop_alone_may_be_refused(tmp_path, clock):
    with served(broker(one_leg=False)) as (port, backend, _):
        found, report = checked(tmp_path, port, clock)
        again, _ = checked(tmp_path, port, clock, legs="stop")
    assert (report.verdict, report.legs) == ("ready", "stop_and_target")
    assert "An OCO order has two legs." in found["bracket_one_leg"].value["texts"]
    assert again["bracket_one_leg"].verdict is Verdict.FAILED
    assert working(backend) == []


def test_legs_that_outlive_their_parent_fail_and_are_cancelled(tmp_path, clock):
    with served(broker(children_stay=True)) as (port, backend, _):
        found, report = checked(tmp_path, port, clock, request_timeout_s=0.3)
    assert "bracket" in report.failed
    assert found["bracket"].value["after_cancel"] == ["PENDING_CHILD"] * 2
    assert found["clean_up"].verdict is Verdict.OK
    assert working(backend) == []


def test_refused_orders_are_told_in_the_servers_words(tmp_path, clock):
    faults = Faults(reject_orders="Exceeds margin.")
    with served(broker(faults)) as (port, *_):
        found, report = checked(tmp_path, port, clock)
    assert "order" in report.failed
    assert "Exceeds margin." in found["order"].sentence
    assert found["bracket"].verdict is Verdict.UNKNOWN


def test_an_order_that_is_not_listed_fails(tmp_path, clock):
    with served(broker(listed=False)) as (port, *_):
        found, _ = checked(tmp_path, port, clock)
    assert found["order_listed"].verdict is Verdict.FAILED


def test_a_connection_lost_in_the_middle_leaves_no_order(tmp_path, clock):
    backend, cut = broker(), threading.Event()
    with served(backend) as (port, _, found_server):

        def cut_at_the_bracket(requests):
            if len(requests) == 2 and not cut.is_set():
                cut.set()
                found_server["loop"].call_soon(found_server["server"].disconnect_all)

        backend.on_order = cut_at_the_bracket
        found, report = checked(tmp_path, port, clock)
    assert cut.is_set()
    assert "bracket" in report.failed
    assert found["clean_up"].verdict is Verdict.OK
    assert working(backend) == []


def test_an_order_that_is_neither_listed_nor_cancelled_at_first_is_still_cancelled(tmp_path, clock):
    with served(broker(listed=False, refused_cancels=1)) as (port, backend, _):
        found, report = checked(tmp_path, port, clock, request_timeout_s=0.5)
    assert "cancel" in report.failed
    assert "Not now." in found["cancel"].sentence
    assert found["clean_up"].verdict is Verdict.OK
    assert working(backend) == []


def test_orders_that_cannot_be_cancelled_are_told(tmp_path, clock):
    with served(broker(refused_cancels=1_000)) as (port, backend, _):
        found, report = checked(tmp_path, port, clock)
    assert {"cancel", "clean_up"} <= set(report.failed)
    assert found["clean_up"].value == len(working(backend)) > 0


def test_a_second_order_of_the_same_id_that_is_taken_is_cancelled_too(tmp_path, clock):
    with served(broker(accepts_duplicates=True)) as (port, backend, _):
        found, _ = checked(tmp_path, port, clock)
    assert found["duplicate_id"].verdict is Verdict.WARNING
    assert working(backend) == []


def test_orders_of_a_check_that_was_killed_are_cancelled_by_the_next(tmp_path, clock):
    backend = broker()
    order = m.SubmitNewSingleOrder(
        symbol=SYMBOL,
        trade_account="Sim1",
        client_order_id="check-dead-1",
        order_type=2,
        buy_sell=1,
        price1=20.0,
        quantity=1.0,
    )
    list(backend.trade([order]))
    with served(backend) as (port, *_):
        found, _ = checked(tmp_path, port, clock)
    assert "1 left by an earlier check were cancelled" in found["open_orders"].sentence
    assert working(backend) == []


def test_strangers_orders_and_positions_are_named_and_stay(tmp_path, clock):
    backend = broker()
    order = m.SubmitNewSingleOrder(
        symbol=SYMBOL,
        trade_account="Sim1",
        client_order_id="by hand",
        order_type=2,
        buy_sell=1,
        price1=20.0,
        quantity=1.0,
    )
    bought = msgspec.structs.replace(order, client_order_id="by hand too", order_type=1)
    for each in (order, bought):
        list(backend.trade([each]))
    with served(backend) as (port, *_):
        found, _ = checked(tmp_path, port, clock)
    assert found["open_orders"].value == [f"{SYMBOL} by hand"]
    assert found["positions"].value == {SYMBOL: "+1"}
    assert "open position in our contract" in found["order"].sentence
    assert [each.client_order_id for each in working(backend)] == ["by hand"]


@pytest.mark.parametrize(
    ("heartbeat", "tried"),
    [
        ({"venue": "sierra", "positions": {}}, False),
        ({"venue": "paper", "positions": {"NQZ26": 2}}, False),
        ({"venue": "sierra", "positions": {}, "state": "stopped"}, True),
        ({"venue": "sierra", "positions": {}, "time_ns": NOW_NS - 60 * 10**9}, True),
    ],
)
def test_no_order_beside_a_running_trader(tmp_path, clock, heartbeat, tried):
    place = Layout(tmp_path).make()
    write_json(place.run / "trader.json", {"time_ns": NOW_NS, "state": "running"} | heartbeat)
    with served(broker()) as (port, backend, _):
        found, _ = checked(tmp_path, port, clock)
    assert bool(backend.orders) is tried is (found["order"].verdict is Verdict.OK)


def test_no_order_while_another_process_sends(tmp_path, clock, monkeypatch):
    monkeypatch.setattr("minhos.sierra_check.walk.GATE_S", 0.2)
    place = Layout(tmp_path).make()
    with served(broker()) as (port, backend, _), OrderGate(place.orders_lock).hold(1.0):
        found, _ = checked(tmp_path, port, clock)
    assert backend.orders == {}
    assert "Another process has been sending" in found["order"].sentence


def test_ctrl_c_cancels_the_orders_and_keeps_the_report(tmp_path, clock):
    for attempt in range(3):  # on a busy machine the signal may arrive when the check is already over
        folder = tmp_path / str(attempt)
        folder.mkdir()
        backend = broker()

        def interrupt(requests, backend=backend):
            if len(requests) == 2:
                backend.on_order = None
                os.kill(os.getpid(), signal.SIGINT)

        backend.on_order = interrupt
        with served(backend) as (port, *_):
            found, report = checked(folder, port, clock)
        if report.failed:
            break
    assert "whole" in report.failed
    assert found["order"].verdict is Verdict.OK
    assert found["clean_up"].verdict is Verdict.OK
    assert working(backend) == []
    assert len(backend.orders) > 1
