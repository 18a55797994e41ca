"""What the Sierra Chart venue is made from: where the server is, which account, and how long things may take."""

from __future__ import annotations

from typing import Literal

import msgspec

from minhos.dtc.logon import ClientOptions

Legs = Literal["stop_and_target", "stop"]


class SierraOptions(msgspec.Struct, frozen=True, kw_only=True):
    """client: server, logon and encoding.  account: the trade account, Sim1, Sim2, ... for simulated ones.

    target_per_stop: distance of a bracket's target over the distance of its stop (20 ATR over 3 ATR).  legs: what a
    bracket carries.  request_timeout_s: after that an order is unknown.  gate_timeout_s: how long to wait for
    another process that sends orders.  broker_symbols: Sierra Chart's exact name by contract, where it is not one of
    the usual forms: {"MNQZ25": "MNQZ25_FUT_CME"}.
    """

    client: ClientOptions
    account: str
    target_per_stop: float
    legs: Legs = "stop_and_target"
    request_timeout_s: float = 5.0
    gate_timeout_s: float = 2.0
    reconcile_every_s: float = 60.0
    broker_symbols: dict[str, str] = {}
