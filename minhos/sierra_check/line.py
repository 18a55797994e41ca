"""`check-sierra`: a stable phase: heartbeats, gaps, disconnections, the server's clock, and what ends a dead client."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable

import msgspec

from minhos.dtc import messages as m
from minhos.dtc.codec import Encoding, Malformed, encode
from minhos.dtc.framing import Framer
from minhos.dtc.logon import log_on
from minhos.dtc.wire import Wire
from minhos.errors import DtcError, DtcRejected
from minhos.market.clock import Clock
from minhos.safety.clock_skew import MOST_SKEW_S, clock_skew, is_small
from minhos.sierra_check.context import Desk
from minhos.sierra_check.finding import Finding, failed, ok, unknown, warning

DEAD_INTERVAL_S = 5
QUERY_EVERY_S = 30.0
MOST_RAW_BYTES = 4_000_000
ASLEEP = "Switch the energy saving of network card and computer off on both machines, and use a cable."
SET_CLOCKS = (
    "Set both clocks by network time: on Windows, Settings >> Time & language >> Sync now; in Sierra Chart, Global "
    "Settings >> General Settings >> Time >> synchronise the computer's clock."
)


async def stable_phase(desk: Desk, seconds: float) -> None:
    """Do nothing but ask a small question now and then, and listen."""
    end_ns = desk.clock.monotonic_ns() + int(seconds * 1e9)
    next_query_s = 0.0
    while (left_s := (end_ns - desk.clock.monotonic_ns()) / 1e9) > 0:
        passed = seconds - left_s
        desk.progress(passed / seconds, f"stable phase, {passed:.0f} of {seconds:.0f} s")
        if passed >= next_query_s and desk.client.is_connected:
            next_query_s = passed + QUERY_EVERY_S
            try:
                await desk.client.accounts()
            except DtcError:
                continue
        await asyncio.sleep(min(0.2, left_s))
    desk.seen.note_gap()


def line(desk: Desk, seconds: float) -> list[Finding]:
    """What the stable phase showed."""
    seen, interval_s = desk.seen, desk.options.heartbeat_interval_s
    n = sum(seen.counts.values())
    told = {
        "seconds": round(seconds, 1),
        "heartbeats": len(seen.heartbeats),
        "longest_gap_s": round(seen.longest_gap_s, 1),
        "disconnections": len(seen.disconnections),
        "messages_per_minute": round(60.0 * n / seconds, 1),
        "malformed": seen.counts["Malformed"],
    }
    found = []
    if seen.disconnections:
        sentence = f"The connection was lost {len(seen.disconnections)} times, first: {seen.disconnections[0]}"
        found.append(failed("stable", sentence, ASLEEP, told))
    elif seen.counts["Malformed"]:
        sentence = f"{seen.counts['Malformed']} messages could not be read."
        found.append(warning("stable", sentence, told, "Update Sierra Chart, and send this report."))
    elif seen.longest_gap_s > 2 * interval_s:
        found.append(warning("stable", f"The server was silent for {seen.longest_gap_s:.0f} s.", told, ASLEEP))
    else:
        sentence = f"{seconds:.0f} s without a disconnection, {told['messages_per_minute']:g} messages a minute."
        found.append(ok("stable", sentence, told))
    expected = int(seconds // interval_s)
    if expected and not seen.heartbeats:
        sentence = f"No heartbeat in {seconds:.0f} s, though {expected} were asked for."
        found.append(warning("heartbeats", sentence, 0, "Update Sierra Chart: the protocol demands them."))
    else:
        found.append(ok("heartbeats", f"{len(seen.heartbeats)} heartbeats, one each {interval_s} s asked for."))
    return [*found, clock_finding(seen.heartbeats)]


def clock_finding(heartbeats: Iterable[tuple[int, int]]) -> Finding:
    """This machine's clock against the server's."""
    step, skew = "clock_skew", clock_skew(heartbeats)
    if skew is None:
        return unknown(step, "the server's heartbeats did not come or tell no time")
    low, high, middle = skew.low_s, skew.high_s, skew.middle_s
    told = {
        "skew_s": round(middle, 3),
        "low_s": round(low, 3),
        "high_s": round(high, 3),
        "heartbeats": skew.heartbeats,
    }
    sentence = f"This machine's clock is {middle:+.2f} s against the server's (between {low:+.2f} and {high:+.2f} s)."
    if low >= MOST_SKEW_S or high <= -MOST_SKEW_S:
        return failed(step, sentence, SET_CLOCKS, told)
    if not is_small(middle, skew.error_s):
        return warning(
            step, f"{sentence} Whether that is under 1 s cannot be told.", told, "Let it run longer: --for 5m."
        )
    return ok(step, sentence, told)


async def dead_client(desk: Desk, most_s: float) -> Finding:
    """After how long does the server drop a client that has gone silent, and does it say so?"""
    step = "dead_client"
    silent = msgspec.structs.replace(desk.options, heartbeat_interval_s=DEAD_INTERVAL_S, client_name="MinhOS silent")
    wire = None
    try:
        wire, _, _ = await log_on(silent)
        return await asyncio.wait_for(_until_dropped(step, wire, desk.clock), most_s)
    except TimeoutError:
        why = f"a client without heartbeats was still connected after {most_s:.0f} s ({DEAD_INTERVAL_S} s agreed)"
        return unknown(step, why, {"dropped_after_s": None})
    except DtcError as error:
        return unknown(step, f"a second connection was not possible: {error}")
    finally:
        if wire is not None:
            wire.abort()


async def _until_dropped(step: str, wire: Wire, clock: Clock) -> Finding:
    start_ns, text = clock.monotonic_ns(), ""
    while (message := await wire.receive()) is not None:
        if isinstance(message, m.Logoff):
            text = message.reason or "a logoff without a text"
            break
        if isinstance(message, Malformed):
            break
    seconds = (clock.monotonic_ns() - start_ns) / 1e9
    told = {"dropped_after_s": round(seconds, 1), "logoff": text}
    sentence = f"A client that sends no heartbeat (each {DEAD_INTERVAL_S} s agreed) is dropped after {seconds:.0f} s"
    return ok(step, f"{sentence}, {f'with the text {text!r}' if text else 'without a word'}.", told)


async def unset_numbers(desk: Desk, client_order_id: str) -> Finding:
    """How this server writes a number that is not set in JSON, read from the raw text of a resting order."""
    step = "json_unset"
    try:
        raw = await asyncio.wait_for(_raw_order(desk, client_order_id), desk.options.request_timeout_s)
    except (OSError, TimeoutError, DtcError, ValueError):
        return unknown(step, "the server gave no order in JSON on a second connection")
    if raw is None:
        return unknown(step, "the server closed the connection in JSON before it listed the order")
    prices = {name: raw.get(name, "left out") for name in ("Price2", "AverageFillPrice", "LastFillPrice")}
    return ok(step, f"Numbers that are not set stand in JSON as {json.dumps(prices)}.", prices)


async def _raw_order(desk: Desk, client_order_id: str) -> dict[str, object] | None:
    """The order's row as the server writes it in JSON; None when the connection ends before."""
    options = msgspec.structs.replace(desk.options, encoding=Encoding.JSON)
    reader, writer = await asyncio.open_connection(options.host, options.port, ssl=options.tls)
    try:
        writer.write(encode(m.EncodingRequest(encoding=int(Encoding.JSON)), Encoding.BINARY))
        answer = await reader.readexactly(16)
        if answer[8] != Encoding.JSON:
            raise DtcRejected("no JSON")
        logon = m.LogonRequest(
            username=options.username,
            password=options.password,
            client_name="MinhOS check JSON",
            heartbeat_interval_in_seconds=options.heartbeat_interval_s,
        )
        request = m.OpenOrdersRequest(request_id=1, request_all_orders=1, trade_account=desk.account)
        framer, n_bytes = Framer(Encoding.JSON), 0
        writer.write(encode(logon, Encoding.JSON) + encode(request, Encoding.JSON))
        while n_bytes < MOST_RAW_BYTES:
            piece = await reader.read(65_536)
            n_bytes += len(piece)
            if not piece:
                return None
            framer.feed(piece)
            while isinstance(frame := framer.next_frame(), bytes):
                row = json.loads(frame.decode("latin-1"))
                if row.get("Type") == m.OrderUpdate.TYPE and row.get("ClientOrderID") == client_order_id:
                    return dict(row)
        return None
    except asyncio.IncompleteReadError:
        return None
    finally:
        writer.transport.abort()
