"""How many DTC messages a second one core encodes and decodes, in binary: a mix of trades, quotes and order updates.

And how many hostile inputs the codec reads without an exception escaping: MINHOS_DTC_FUZZ_EXAMPLES of them, ten
million unless that says otherwise.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from typing import TypeVar

from minhos.bench.dtc_fuzz import VARIABLE, fuzz
from minhos.bench.figures import Figure, at_least
from minhos.dtc import messages as m
from minhos.dtc.codec import Encoding, decode, encode

TARGET_PER_S = 100_000.0
T = TypeVar("T")
MIX = (
    m.MarketDataUpdateTradeCompact(23_500.25, 2.0, 1_756_800_000, 1, 2),
    m.MarketDataUpdateBidAskCompact(23_500.25, 4.0, 23_500.5, 5.0, 1_756_800_000, 1),
    m.MarketDataUpdateTradeWithUnbundledIndicator2(1, 23_500.25, 2, 1_756_800_000_125_000, 1, 1),
    m.MarketDataSnapshot(1, bid_price=23_500.25, ask_price=23_500.5, last_trade_price=23_500.5),
)
ORDER_UPDATE = m.OrderUpdate(
    symbol="NQU25-CME", server_order_id="1001", client_order_id="order-1", order_status=7, price1=23_500.25
)


def run(quick: bool = False) -> list[Figure]:
    """Figures: messages a second each way for the mix, and for the largest frequent message alone."""
    rounds = 5_000 if quick else 50_000
    figures = []
    for suffix, messages in (("", (*MIX, ORDER_UPDATE)), ("/order_update", (ORDER_UPDATE,))):
        frames = [encode(message, Encoding.BINARY) for message in messages]
        encoded = _per_second(lambda each: encode(each, Encoding.BINARY), messages, rounds)
        decoded = _per_second(lambda each: decode(each, Encoding.BINARY), frames, rounds)
        figures += [
            at_least(f"encode_per_s{suffix}", encoded, "1/s", TARGET_PER_S, None),
            at_least(f"decode_per_s{suffix}", decoded, "1/s", TARGET_PER_S, None),
        ]
    return figures + _fuzzed(int(os.environ.get(VARIABLE, "100000" if quick else "10000000")))


def _fuzzed(n_inputs: int) -> list[Figure]:
    found = fuzz(n_inputs, seed=1)
    escaped = len(found.escaped)
    return [
        Figure("fuzzed_inputs", found.inputs, "", 10_000_000.0, found.inputs >= 10_000_000 and not escaped),
        Figure("fuzz_escaped", escaped, "exceptions", 0.0, not escaped),
    ]


def _per_second(work: Callable[[T], object], items: Sequence[T], rounds: int) -> float:
    start = time.perf_counter()
    for _ in range(rounds):
        for item in items:
            work(item)
    return rounds * len(items) / (time.perf_counter() - start)
