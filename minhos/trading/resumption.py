"""What acts next, in one sentence: the answer to `resume`.  Not for deciding, and not a forecast of what it will do."""

from __future__ import annotations

from minhos.risk import force
from minhos.trading.state import TradingState


def acts_next(state: TradingState, now_ns: int, no_model: str = "") -> str:
    """What holds from here on.  no_model: why none serves, in words; empty where one does."""
    held = ", ".join(f"{contracts:+d} {symbol}" for symbol, contracts in sorted(state.held().items()) if contracts)
    return f"{f'{held} is held' if held else 'nothing is held'}; {_acts(state, now_ns, no_model)}"


def _acts(state: TradingState, now_ns: int, no_model: str) -> str:
    settings, word = state.settings, force.active(state.risk, now_ns)
    if stopped := force.stopped(state.risk):
        return f"still stopped, because {stopped}."
    if trouble := state.venue_trouble():
        return f"nothing is added before this is settled: {trouble.rstrip('.')}."
    if settings is not None and not settings.auto_trading:
        return "decisions are shown and not sent, because auto_trading is off."
    if word is not None:
        sentence = force.sentence_of(word)
        return f"{sentence[0].lower()}{sentence[1:]}: that acts at the next bar."
    if no_model:
        return f"nothing is forced, and nothing is entered: {no_model.rstrip('.')}."
    return "nothing is forced: the next bar's forecast decides."
