"""Trading accounts and their balances.

Written by scripts/make_dtc_messages.py from layouts.json; change the table, not this file.
"""

from typing import ClassVar

from minhos.dtc.messages.base import Message


class TradeAccountsRequest(Message, frozen=True, gc=False):
    """Type 400; 8 bytes in binary."""

    TYPE: ClassVar[int] = 400

    request_id: int = 0


class TradeAccountResponse(Message, frozen=True, gc=False):
    """Type 401; 52 bytes in binary."""

    TYPE: ClassVar[int] = 401

    total_number_messages: int = 0
    message_number: int = 0
    trade_account: str = ""
    request_id: int = 0
    trading_is_disabled: int = 0


class AccountBalanceUpdate(Message, frozen=True, gc=False):
    """Type 600; 416 bytes in binary."""

    TYPE: ClassVar[int] = 600

    request_id: int = 0
    cash_balance: float = 0.0
    balance_available_for_new_positions: float = 0.0
    account_currency: str = ""
    trade_account: str = ""
    securities_value: float = 0.0
    margin_requirement: float = 0.0
    total_number_messages: int = 0
    message_number: int = 0
    no_account_balances: int = 0
    unsolicited: int = 0
    open_positions_profit_loss: float = 0.0
    daily_profit_loss: float = 0.0
    info_text: str = ""
    transaction_identifier: int = 0
    daily_net_loss_limit: float = 0.0
    trailing_account_value_to_limit_positions: float = 0.0
    daily_net_loss_limit_reached: int = 0
    is_under_required_margin: int = 0
    close_positions_at_end_of_day: int = 0
    trading_is_disabled: int = 0
    description: str = ""
    is_under_required_account_value: int = 0
    transaction_date_time: int = 0
    margin_requirement_full: float = 0.0
    margin_requirement_full_positions_only: float = 0.0
    peak_margin_requirement: float = 0.0
    introducing_broker: str = ""
    open_positions_profit_loss_based_on_settlement_price: float = 0.0
    last_order_activity_date_time: int = 0


class AccountBalanceRequest(Message, frozen=True, gc=False):
    """Type 601; 40 bytes in binary."""

    TYPE: ClassVar[int] = 601

    request_id: int = 0
    trade_account: str = ""


class AccountBalanceReject(Message, frozen=True, gc=False):
    """Type 602; 104 bytes in binary."""

    TYPE: ClassVar[int] = 602

    request_id: int = 0
    reject_text: str = ""


class HistoricalAccountBalancesRequest(Message, frozen=True, gc=False):
    """Type 603; 48 bytes in binary."""

    TYPE: ClassVar[int] = 603

    request_id: int = 0
    trade_account: str = ""
    start_date_time: int = 0


class HistoricalAccountBalancesReject(Message, frozen=True, gc=False):
    """Type 604; 104 bytes in binary."""

    TYPE: ClassVar[int] = 604

    request_id: int = 0
    reject_text: str = ""


class HistoricalAccountBalanceResponse(Message, frozen=True, gc=False):
    """Type 606; 232 bytes in binary."""

    TYPE: ClassVar[int] = 606

    request_id: int = 0
    date_time: float = 0.0
    cash_balance: float = 0.0
    account_currency: str = ""
    trade_account: str = ""
    is_final_response: int = 0
    no_account_balances: int = 0
    info_text: str = ""
    transaction_id: str = ""


class AccountBalanceAdjustment(Message, frozen=True, gc=False):
    """Type 607; 168 bytes in binary."""

    TYPE: ClassVar[int] = 607

    request_id: int = 0
    trade_account: str = ""
    credit_amount: float = 0.0
    debit_amount: float = 0.0
    currency: str = ""
    reason: str = ""
    recalculate_daily_loss_limit: int = 0


class AccountBalanceAdjustmentReject(Message, frozen=True, gc=False):
    """Type 608; 136 bytes in binary."""

    TYPE: ClassVar[int] = 608

    request_id: int = 0
    reject_text: str = ""
    trade_account: str = ""


class AccountBalanceAdjustmentComplete(Message, frozen=True, gc=False):
    """Type 609; 56 bytes in binary."""

    TYPE: ClassVar[int] = 609

    request_id: int = 0
    transaction_id: int = 0
    trade_account: str = ""
    new_balance: float = 0.0
