"""Two small questions about names: when a contract ends, and how strictly a mode is judged."""

from __future__ import annotations

from minhos.errors import SymbolError
from minhos.market.symbols import contract_expiry_ns
from minhos.risk.parameters import Mode


def expiry_ns(symbol: str) -> int:
    """When trading in a contract ends; 0 for what never expires or is not a listed contract."""
    try:
        return contract_expiry_ns(symbol)
    except SymbolError:
        return 0


def risk_mode(mode: str) -> Mode:
    """Anything but the two modes without money is judged as live."""
    modes: dict[str, Mode] = {"simulated": "simulated", "paper": "paper"}
    return modes.get(mode, "live")
