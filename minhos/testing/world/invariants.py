"""What must hold in every world, each rule a function of its own that yields a sentence where it does not.

`Checks` asks the cheap ones after every turn in which something changed, and all of them at restarts and at the end.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from typing import TypeVar

import msgspec

from minhos.assembly import heartbeats
from minhos.assembly.endings import Ending
from minhos.assembly.heartbeats import WatchdogBeat
from minhos.errors import JournalError
from minhos.market.types import NANOS_PER_SECOND
from minhos.research.compare import compare
from minhos.research.replay import replay
from minhos.testing.world.broker_faults import Rejection
from minhos.testing.world.home import ReadyTrainer
from minhos.testing.world.person import Said
from minhos.testing.world.stage import Stage
from minhos.testing.world.witness import CLOCKS_MAY_DIFFER_NS, remembered
from minhos.trading.book import opens
from minhos.trading.order_ids import MANUAL

BACK_WITHIN_S = 60.0
"""A process that was ended runs again after that, the growing pauses of its supervisor included."""


Row = TypeVar("Row")


class Broken(msgspec.Struct, frozen=True):
    """The invariant by name, what was seen, and when after the start."""

    invariant: str
    sentence: str
    at_ms: int


class Memory:
    """What the rules remember between two looks: since when something has been so."""

    def __init__(self) -> None:
        self.since_ns: dict[str, int] = {}
        self.refused: set[str] = set()
        """Contracts of which a close was refused once."""
        self.read: dict[str, int] = {}
        """How much of a growing list a rule has looked at."""
        self.beat: tuple[bytes | None, str] = (None, f"{LOOKED}None")
        """The watchdog's heartbeat as it lay there last, and what tells it from others."""

    def lasts_s(self, what: str, is_so: bool, now_ns: int) -> float:
        """For how long it has been so; 0 while it is not."""
        if not is_so:
            self.since_ns.pop(what, None)
            return 0.0
        return (now_ns - self.since_ns.setdefault(what, now_ns)) / NANOS_PER_SECOND

    def new(self, what: str, rows: list[Row]) -> list[Row]:
        """What the list has beyond the last call."""
        read, self.read[what] = self.read.get(what, 0), len(rows)
        return rows[read:]


SHOWN_NS = 10 * NANOS_PER_SECOND
"""For so long the largest position that the broker showed counts."""
NOTICED_S = 5.0
"""So long after a word of the broker's what follows from it is done."""
LIED_TO_S = 30.0
"""So much longer where the broker cannot be heard or says what is not so."""
COVERED_S = 5.0
TWO_S = 2.0
AWAY_S = 30.0
LEFT_S = 660.0
"""The next bar and its prices come within that."""
TO_CLOSE_S = 120.0
"""A close that was refused is tried again after a minute."""
LOOKED_BACK = 40
"""So many orders back a second one like it is looked for."""
ONE_ENTRY_NS = 60 * NANOS_PER_SECOND
"""Bars are five minutes apart, and one decision sends one entry."""
SAID_BEFORE_NS = 10 * NANOS_PER_SECOND
REMINDED_NS = 60 * NANOS_PER_SECOND
"""An alarm about that very position, so short before, stands still: it was not covered by what the journal knows."""
SUPERVISOR_SAID = re.compile(r"The supervisor \(process \d+\) (is gone|has said nothing)")
SUPERVISOR_SAID_S = 10.0
LOOKED = "looked "
DIFFERENCE_SAID = re.compile(r"flat-only|broker|compare", re.IGNORECASE)
OTHERS_TRADE = re.compile(r"somebody else |an order to ")
UNPROTECTED = re.compile(r"unprotected|without (a|its) stop|no stop|not covered", re.IGNORECASE)
ONE_SURVEY_S = 330.0
COMPARED_EVERY, REPLAYED = 5, 1
"""Days are compared in one seed of so many, and a journal is replayed in another: both decide everything again."""
Rule = Callable[[Stage, Memory], Iterator[str]]


def no_process_ends_by_itself(stage: Stage, memory: Memory) -> Iterator[str]:
    """A process that no fault and no person ended is running, or ended because its work was over.

    One that cannot even begin, because the disk is not there for it, is started again later; one that ran goes on.
    """
    for child in stage.world.children.values():
        if child.code is None or (child.why and not child.crashed):
            continue
        unusable = stage.were_spoilt(child.ended_ns) or stage.was_without_folder(child.ended_ns)
        mistake = child.code == Ending.MISTAKE and unusable
        spoilt = stage.disk_was_bad(child.ended_ns) or stage.were_spoilt(child.ended_ns)
        away = child.code == Ending.PASSING and not child.ran and (spoilt or stage.world.disk.windows)
        over = child.code in (Ending.ASKED, Ending.DONE)
        if child.crashed or not (over or mistake or away):
            yield f"{child.name} ended with exit code {child.code}: {child.words or 'without a word'}"


def no_end_ends_another(stage: Stage, memory: Memory) -> Iterator[str]:
    """Only a person ends a process; that one ended is no reason for another one's end."""
    for child in stage.world.children.values():
        if child.why.startswith("ended by") and not child.why.endswith("a person"):
            yield f"{child.name} was {child.why}"


def what_ended_comes_back(stage: Stage, memory: Memory) -> Iterator[str]:
    """Trader and watchdog run again within a minute of the machine's own time, while anybody lives who starts them.

    Without the folder of its data a trader runs where it holds something, and else waits for it.
    """
    world = stage.world
    now_ns = world.machine_clock.monotonic_ns()
    is_off = world.true_ns < world.asleep_until_ns or world.hangs("supervisor") or world.hangs("watchdog")
    if stage.house.is_stopped or stage.house.was_refused or stage.were_spoilt(world.true_ns) or is_off:
        for name in ("trader", "watchdog"):
            memory.lasts_s(f"no {name}", False, now_ns)
        return
    for name in ("trader", "watchdog"):
        keepers = ("supervisor", "watchdog" if name == "trader" else "trader")
        gone = world.living(name) is None and any(world.living(keeper) is not None for keeper in keepers)
        waits = name == "trader" and not stage.booked() and stage.was_without_folder(world.true_ns)
        gone = gone and not waits
        if (lasts_s := memory.lasts_s(f"no {name}", gone, now_ns)) > BACK_WITHIN_S:
            yield f"there has been no {name} for {lasts_s:.0f} s"


def one_of_each(stage: Stage, memory: Memory) -> Iterator[str]:
    """Of a home there is no process twice, whoever started it."""
    counted: dict[str, int] = {}
    for child in stage.world.alive():
        counted[child.name] = counted.get(child.name, 0) + 1
    for name, count in counted.items():
        lasts_s = memory.lasts_s(f"two {name}", count > 1, stage.world.true_ns)
        if count > 1 and lasts_s > TWO_S:
            yield f"{count} processes {name} run at once"


def a_supervisor_that_lives_is_not_stood_in_for(stage: Stage, memory: Memory) -> Iterator[str]:
    """While the supervisor lives nobody else starts its processes, however slow it is: it may be about to."""
    children = stage.world.children
    supervisors = [child for child in children.values() if child.name == "supervisor"]
    for child in memory.new("started", list(children.values())):
        starter = children.get(child.parent)
        if starter is None or starter in supervisors or stage.disk_was_bad(child.began_ns):
            continue
        for other in supervisors:
            is_there = other.began_ns + round(TWO_S * NANOS_PER_SECOND) < child.began_ns
            if is_there and (other.alive or other.ended_ns > child.began_ns):
                yield f"the {starter.name} started the {child.name} {child.pid} while the supervisor {other.pid} lived"


def a_dead_supervisor_is_told(stage: Stage, memory: Memory) -> Iterator[str]:
    """While watchdog and trader run, an alarm says within seconds that nobody starts the other processes again."""
    world = stage.world
    watchdog, trader = world.living("watchdog"), world.living("trader")
    gone_s = stage.gone_s("supervisor")
    if gone_s is None or watchdog is None or trader is None or stage.is_to_be_off():
        return
    ended_ns = world.true_ns - round(gone_s * NANOS_PER_SECOND)
    if any(true_ns >= ended_ns and SUPERVISOR_SAID.search(text) for true_ns, text in stage.alarmed):
        return
    back_ns = max(watchdog.hangs_until_ns, trader.hangs_until_ns, world.asleep_until_ns)
    since_ns = max(ended_ns, watchdog.began_ns, trader.began_ns, back_ns)
    lasts_s = (min(watchdog.turned_ns, trader.turned_ns) - since_ns) / NANOS_PER_SECOND
    if lasts_s > SUPERVISOR_SAID_S:
        yield f"for {lasts_s:.0f} s watchdog and trader have run without a supervisor, and no alarm says so"


def the_watchdog_looks(stage: Stage, memory: Memory) -> Iterator[str]:
    """While anything is held, a watchdog that lives and has its turns says what it saw."""
    world, child = stage.world, stage.world.living("watchdog")
    content = world.disk.read(heartbeats.path_of(world.layout, WatchdogBeat))
    if content != memory.beat[0]:
        beat = heartbeats.read(world.layout, WatchdogBeat)
        memory.beat = content, f"{LOOKED}{(beat.pid, beat.time_ns) if beat is not None else None}"
    stamp = memory.beat[1]
    if stamp not in memory.since_ns:
        for other in [each for each in memory.since_ns if each.startswith(LOOKED)]:
            memory.since_ns.pop(other)
    memory.lasts_s(stamp, True, world.true_ns)
    held = stage.broker.truth.positions if stage.broker is not None else stage.booked()
    if child is None or not held or world.is_busy("watchdog") or stage.disk_was_bad(world.true_ns):
        return
    since_ns = max(memory.since_ns[stamp], child.began_ns, child.hangs_until_ns, world.asleep_until_ns)
    lasts_s = (child.turned_ns - since_ns) / NANOS_PER_SECOND
    if lasts_s > SUPERVISOR_SAID_S and not world.disk.windows:
        yield f"the watchdog has had its turns for {lasts_s:.0f} s and has looked at nothing while {held} is held"


def stop_ends_everything(stage: Stage, memory: Memory) -> Iterator[str]:
    """After a `stop` nothing runs, and the watchdog ended after the trader.

    What a `start` of the same moment brings up, of which nothing is written yet when `stop` looks, is not that stop's.
    """
    house, children = stage.house, stage.world.children.values()
    if house.left and not stage.disk_was_bad(stage.world.true_ns):
        yield f"after `stop` there still ran: {', '.join(house.left)}"
    for watchdog in children:
        ended_ns = watchdog.ended_ns
        if watchdog.why != "ended by a person" or watchdog.name != "watchdog" or stage.disk_was_bad(ended_ns):
            continue
        typed_ns = max((at_ns for at_ns in house.stops if at_ns <= ended_ns), default=0)
        for trader in children:
            starter = stage.world.children.get(trader.parent)
            if starter is not None and starter.name == "supervisor" and trader.began_ns >= typed_ns:
                continue
            if trader.name == "trader" and trader.began_ns < ended_ns and (trader.alive or trader.ended_ns > ended_ns):
                yield f"`stop` ended the watchdog {watchdog.pid} while the trader {trader.pid} ran"


def no_order_twice(stage: Stage, memory: Memory) -> Iterator[str]:
    """An order's intent stands in the journal once."""
    for order_id in stage.witness.seen.intents_twice:
        yield f"order {order_id} was intended twice"


def no_order_is_at_the_broker_twice(stage: Stage, memory: Memory) -> Iterator[str]:
    """The broker takes an order once: no name twice, and no second entry for what one bar decided."""
    if stage.broker is None or stage.world.trader is None:
        return
    taken, intents = stage.broker.truth.taken, stage.witness.seen.intents
    read = memory.read.get("taken", 0)
    for i, sent in enumerate(memory.new("taken", taken), start=read):
        earlier = taken[max(0, i - LOOKED_BACK) : i]
        if any(sent.client_id and sent.client_id == each.client_id for each in earlier):
            yield f"the broker took {sent.client_id} ({sent.contracts} {sent.symbol}) twice"
        if (order := intents.get(sent.client_id)) is None or not opens(order):
            continue
        for each in earlier:
            other = intents.get(each.client_id)
            near = (each.symbol, each.side) == (sent.symbol, sent.side) and sent.time_ns < each.time_ns + ONE_ENTRY_NS
            if near and other is not None and opens(other):
                yield f"the entries {each.client_id} and {sent.client_id} in {sent.symbol} are of one bar"


def no_limit_is_passed(stage: Stage, memory: Memory) -> Iterator[str]:
    """Nothing is opened beyond a limit of the settings, as the journal has it; nor do the broker's true books hold
    more of MinhOS than it may, its resting entries counted as filled."""
    seen = stage.witness.seen
    yield from seen.opened_beyond
    if stage.broker is None:
        return
    held = stage.own_positions()
    entries: dict[tuple[str, int], int] = {}
    for order in stage.broker.truth.working:
        if order.whose == "minhos" and (intent := seen.intents.get(order.client_id)) is not None and opens(intent):
            entries[order.symbol, order.side] = entries.get((order.symbol, order.side), 0) + order.contracts
    for symbol, side in {*entries, *((symbol, 1 if n > 0 else -1) for symbol, n in held.items())}:
        total = max(0, side * held.get(symbol, 0)) + entries.get((symbol, side), 0)
        if total > seen.most_contracts > 0 and not stage.lost_by_restore(stage.world.true_ns):
            yield f"{total} {symbol} are held or rest to be, more than {seen.most_contracts}, the most ever allowed"


def what_closes_never_opens(stage: Stage, memory: Memory) -> Iterator[str]:
    """No stop, target or close of MinhOS turns a position round: it fills for what is held.

    What the broker showed within the last ten seconds counts as held.
    """
    broker, seen = stage.broker, stage.witness.seen
    if broker is None or stage.world.trader is None:  # what it wrote last is read while it lives
        return
    for fill in memory.new("fills", broker.truth.fills):
        intent = seen.intents.get(fill.client_id)
        if fill.whose != "minhos" or (intent is not None and opens(intent)):
            continue
        held = max(0, -fill.side * fill.before)
        shown = broker.shown_most(fill.symbol, fill.side, fill.time_ns - SHOWN_NS)
        if fill.contracts > max(held, shown):
            word = "bought" if fill.side > 0 else "sold"
            yield f"{fill.client_id} was to close and {word} {fill.contracts} {fill.symbol} while {held} were held"


def where_oco_is_not_the_brokers_only_the_stop_rests(stage: Stage, memory: Memory) -> Iterator[str]:
    """Stop and target would both fill where one leg's end does not end the other."""
    broker = stage.broker
    if broker is None:
        return
    targets = [o for o in broker.truth.working if o.whose == "minhos" and o.kind == "limit" and not o.waiting]
    both = [o for o in targets if any(s.kind == "stop" and s.parent == o.parent for s in broker.truth.working)]
    asleep = stage.world.hangs("trader") or stage.world.true_ns < stage.world.asleep_until_ns
    alone = bool(both) and not broker.truth.keeps_oco and not asleep
    lasts_s = memory.lasts_s("both legs", alone, stage.world.true_ns)
    if lasts_s > (NOTICED_S if stage.can_be_noticed() else LIED_TO_S):
        yield f"the target {both[0].client_id} rests beside its stop, and the broker keeps no OCO"


def nothing_opens_after_a_halt(stage: Stage, memory: Memory) -> Iterator[str]:
    """After a halt nothing is sent but what closes."""
    for order in stage.witness.seen.opened_while_halted:
        yield f"{order.role} {order.order_id} of {order.contracts} {order.symbol} was intended while halted"


def a_halt_outlives_the_power(stage: Stage, memory: Memory) -> Iterator[str]:
    """A HALT file that is there is there after a power cut, too: a command has said that it holds."""
    if stage.halt_was_lost:
        yield "the HALT file was there and is not after the power cut"


def a_journal_that_was_away_comes_back(stage: Stage, memory: Memory) -> Iterator[str]:
    """What waits is written once the disk takes it."""
    trader, world = stage.world.trader, stage.world
    away = trader is not None and bool(trader.kept.away)
    away = away and not stage.disk_was_bad(world.true_ns) and not stage.flipped_ns and not world.hangs("trader")
    if memory.lasts_s("away", away, world.machine_clock.monotonic_ns()) > AWAY_S and trader is not None:
        yield f"for {AWAY_S:.0f} s with a sound disk: {trader.kept.away}"


def nothing_is_opened_that_no_restart_would_know(stage: Stage, memory: Memory) -> Iterator[str]:
    """While the journal takes nothing, nothing that opens is sent."""
    for order_id in stage.witness.seen.opened_while_away:
        yield f"order {order_id} opened while the journal was away"


def a_command_is_carried_out_once(stage: Stage, memory: Memory) -> Iterator[str]:
    """One trader does once what it was asked for once, also where its answer cannot be written."""
    for what in stage.witness.seen.carried_out_twice:
        yield f"{what} was carried out twice"


def nothing_is_opened_beside_another_contract(stage: Stage, memory: Memory) -> Iterator[str]:
    """After a change of contract the old one is closed first."""
    yield from stage.witness.seen.opened_beside


def a_fill_fits_its_order(stage: Stage, memory: Memory) -> Iterator[str]:
    """Nothing is booked on an order that cannot be of it: another contract or side, or more than it was for."""
    yield from stage.witness.seen.unfit


def a_fill_is_booked_on_its_own_date(stage: Stage, memory: Memory) -> Iterator[str]:
    """The first fill of a session counts for that session's limits."""
    yield from stage.witness.seen.booked_the_day_before


def what_was_left_is_closed(stage: Stage, memory: Memory) -> Iterator[str]:
    """What is held in a contract that is not traded any more is closed while that can be done."""
    state, trader = stage.witness.state, stage.world.trader
    settings, positions = state.settings, state.ledger.account().positions
    left = [] if settings is None else [p for p in positions if p.symbol != settings.order_symbol]
    doubted = state.risk.distrust is not None or bool(state.differences)
    can_be = bool(left) and trader is not None and not doubted
    can_be = can_be and stage.can_be_closed() and (stage.broker is None or stage.can_be_noticed())
    lasts_s = memory.lasts_s("left", can_be, stage.world.true_ns)
    if lasts_s > LEFT_S:
        yield f"{left[0].contracts:+d} {left[0].symbol} has been held for {lasts_s:.0f} s, which is not traded any more"


def what_is_to_be_closed_is_closed(stage: Stage, memory: Memory) -> Iterator[str]:
    """Where a halt or a stop demands that all be closed, nothing is held at the broker once that can be."""
    broker, state = stage.broker, stage.witness.state
    if broker is None:
        return
    held = [f"{contracts:+d} {symbol}" for symbol, contracts in broker.truth.positions.items() if contracts]
    can_be = bool(held) and stage.world.trader is not None and stage.can_be_noticed() and stage.can_be_closed()
    demand = state.risk.demand_to_flatten() if can_be else ""
    lasts_s = memory.lasts_s("to close", bool(demand), stage.world.true_ns)
    if lasts_s > TO_CLOSE_S:
        yield f"{', '.join(held)} has been held for {lasts_s:.0f} s, although all is to be closed ({demand})"


def no_level_is_lowered_by_a_restart(stage: Stage, memory: Memory) -> Iterator[str]:
    """A start or other settings never lower a risk level within a trade date."""
    yield from stage.witness.seen.lowered


def the_fold_is_the_live_state(stage: Stage, memory: Memory) -> Iterator[str]:
    """What the journal says folds to what the trader has in memory."""
    trader = stage.world.trader
    if trader is None or trader.journal.last != stage.witness.last or stage.world.is_busy("trader"):
        return
    if trader.kept.away:
        return  # what could not be stored yet is in memory alone
    stage.witness.state.anchor_time_ns = trader.engine.state.anchor_time_ns  # the features' own: a fold has none
    live, folded = remembered(trader.engine.state), remembered(stage.witness.state)
    if live != folded:
        yield f"after event {stage.witness.last} the fold of the journal is not the live state"


def the_chain_is_whole(stage: Stage, memory: Memory) -> Iterator[str]:
    """Every record fits the one before it; or the trader has said which does not, and adds nothing.

    A file that changes under a running trader is found at its next start.
    """
    trader, reason = stage.world.trader, stage.witness.verified()
    said = trader is not None and trader.watch.problem and trader.engine.state.risk.paused is not None
    child = stage.world.living("trader")
    unseen = stage.flipped_ns and (child is None or child.began_ns < stage.flipped_ns)
    if reason and not (said or unseen):
        yield reason


def resting_exits_never_exceed_what_is_held(stage: Stage, memory: Memory) -> Iterator[str]:
    """No path of prices can reverse a position: our stops and targets, an OCO group counted once, fit what is held.

    Where somebody else changed the position there is a moment to notice; where the broker lately showed another
    position than it holds, what it showed counts.
    """
    broker, now_ns = stage.broker, stage.world.true_ns
    if broker is None:
        return
    rest = {(symbol, side): contracts for symbol, side, contracts in stage.exits()}
    for what in [each for each in memory.since_ns if each.startswith("excess ")]:
        if what not in {f"excess {symbol} {side}" for symbol, side in rest}:
            memory.lasts_s(what, False, now_ns)
    for (symbol, side), contracts in rest.items():
        held = max(0, -side * broker.truth.positions.get(symbol, 0))
        excess = contracts - max(held, broker.shown_most(symbol, side, now_ns - SHOWN_NS))
        asleep = stage.world.hangs("trader") or now_ns < stage.world.asleep_until_ns
        excess = 0 if asleep or stage.nobody_runs() else excess
        lasts_s = memory.lasts_s(f"excess {symbol} {side}", excess > 0, now_ns)
        patience_s = NOTICED_S if stage.can_be_noticed() else LIED_TO_S
        if excess > 0 and lasts_s > patience_s:
            word = "buy" if side > 0 else "sell"
            yield f"orders that rest could {word} {contracts} {symbol} for {lasts_s:.1f} s while {held} were held"


def what_is_held_is_covered_or_said(stage: Stage, memory: Memory) -> Iterator[str]:
    """Our stops cover what is held within seconds, or an alarm says that it stands unprotected."""
    broker, now_ns = stage.broker, stage.world.true_ns
    if broker is None:
        return
    for symbol, held in stage.own_positions().items():
        side = -1 if held > 0 else 1
        covered = sum(o.contracts for o in stage.own_working(symbol, side) if o.kind == "stop")
        closing = sum(o.contracts for o in stage.own_working(symbol, side) if o.kind == "market")
        bare = abs(held) - covered - closing
        what = f"bare {symbol} {side}"
        memory.lasts_s(what, bare > 0, now_ns)
        memory.lasts_s(f"noticed {what}", bare > 0 and stage.can_be_noticed(), now_ns)
        lasts_s = (stage.looked_ns() - memory.since_ns.get(f"noticed {what}", now_ns)) / NANOS_PER_SECOND
        about = symbol.removesuffix("-CME")
        if lasts_s <= COVERED_S:
            continue
        since_ns = memory.since_ns[what]
        stands = stage.said_since(since_ns - REMINDED_NS, UNPROTECTED, f"{held:+d} {about}")
        if not (stands or stage.said_since(since_ns - SAID_BEFORE_NS, UNPROTECTED, about)):
            yield f"{bare} of {held:+d} {symbol} stood without a stop for {lasts_s:.1f} s, and no alarm said so"
    for what in [each for each in memory.since_ns if "bare " in each]:
        if what.split()[-2] not in stage.own_positions():
            memory.lasts_s(what, False, now_ns)


def journal_and_broker_agree_or_it_is_said(stage: Stage, memory: Memory) -> Iterator[str]:
    """What the journal holds is what the broker holds, or nothing new is risked and an alarm says so."""
    if stage.broker is None:
        return
    ours, theirs = stage.booked(), stage.shown_by_name()
    state, world = stage.witness.state, stage.world
    differs = ours != theirs and world.trader is not None and stage.can_be_noticed()
    if differs := differs and world.true_ns >= world.asleep_until_ns:
        known = bool(state.differences) or state.risk.distrust is not None
        said = known and any(DIFFERENCE_SAID.search(text) for _, text in stage.witness.seen.alarms)
        differs = not said
    lasts_s = memory.lasts_s("differs", differs, world.true_ns)
    if lasts_s > ONE_SURVEY_S:
        yield f"for {lasts_s:.0f} s the journal has held {ours or 'nothing'} and the broker {theirs or 'nothing'}"


def every_fill_is_booked_once(stage: Stage, memory: Memory) -> Iterator[str]:
    """At the end each fill of an order of ours stands in the journal, once and on its order.

    While somebody else's trade is what is distrusted, it may stand there as his; where the position itself differs, or
    a fill was refused, nothing is expected of that contract.
    """
    broker, state = stage.broker, stage.witness.state
    if broker is None or (stage.house.older_until and stage.world.trader is None):
        return  # nobody has looked at the older copy yet
    doubts = [*state.differences, *((state.risk.distrust.why,) if state.risk.distrust is not None else ())]
    differ = " ".join(each for each in doubts if not OTHERS_TRADE.match(each))
    true: Counter[str] = Counter()
    newest_ns: dict[str, int] = {}
    name_of = {fill.execution_id: fill.client_id for fill in broker.truth.fills if fill.whose == "minhos"}
    for fill in broker.truth.fills:
        if fill.whose != "minhos" or fill.symbol.removesuffix("-CME") in differ:
            continue
        true[fill.client_id] += fill.contracts
        newest_ns[fill.client_id] = fill.time_ns
        lost = stage.says_what_a_restore_lacks(fill.time_ns)
        if fill.execution_id not in stage.witness.seen.fills and not lost:
            yield f"the fill {fill.execution_id} of {fill.contracts} {fill.symbol} is not in the journal"
    if doubts:
        return
    booked: Counter[str] = Counter()
    for each in stage.witness.seen.fills.values():
        name = each.order_id
        if name.startswith(MANUAL):  # what was sent from outside the trader is somebody else's for it, by any name
            name = name_of.get(each.fill_id, name.removeprefix(MANUAL))
        if name in true or name in stage.witness.seen.intents:
            booked[name] += each.contracts
    for order_id in sorted(true.keys() | booked.keys()):
        lost = order_id in newest_ns and stage.says_what_a_restore_lacks(newest_ns[order_id])
        if true[order_id] != booked[order_id] and not lost:
            yield f"of order {order_id} the broker filled {true[order_id]}, the journal has {booked[order_id]}"


def what_was_forced_ends_with_a_stop(stage: Stage, memory: Memory) -> Iterator[str]:
    """A halt, a flatten and the stop of the position itself end what a person forced."""
    yield from stage.witness.seen.still_forced


def no_strangers_process_is_ended(stage: Stage, memory: Memory) -> Iterator[str]:
    """A process that has the number of one of ours is left alone."""
    if stage.world.strangers_ended:
        yield "a process was ended that only has the number of one of ours"


def nothing_is_risked_on_a_bundle_from_the_future(stage: Stage, memory: Memory) -> Iterator[str]:
    """The age of a bundle is not known where its stamp lies ahead of the clock."""
    for order in stage.witness.seen.with_a_future_model:
        yield f"{order.role} {order.order_id} was intended on a bundle that is stamped in the future"


def nothing_is_risked_on_a_broken_journal(stage: Stage, memory: Memory) -> Iterator[str]:
    """An older copy in the journal's place, or a record that does not fit, is said, and nothing new is risked on it."""
    trader, seen, house = stage.world.trader, stage.witness.seen, stage.house
    risk = trader.engine.state.risk if trader is not None else stage.witness.state.risk  # a pause may wait for the disk
    free = risk.paused is None and risk.halted is None
    broken = trader is not None and bool(trader.watch.problem) and not stage.world.is_busy("trader")
    if memory.lasts_s("resumed", broken and free, stage.world.true_ns) > TWO_S and trader is not None:
        yield f"trading goes on with a broken journal: {trader.watch.problem}"
    if house.is_noted_older and 0 < house.older_until < seen.opened:
        yield "new risk was taken on an older copy of the journal"
    looked = trader is not None and seen.starts > 0 and not (stage.world.is_busy("trader") or trader.watch.problem)
    unsaid = house.older_until > 0 and house.is_noted_older and looked and risk.paused is None
    if memory.lasts_s("older", unsaid, stage.world.true_ns) > TWO_S:
        yield f"the journal was put back to record {house.older_until}, and nothing says so"


def an_entry_that_rests_goes_on_a_halt(stage: Stage, memory: Memory) -> Iterator[str]:
    """What would open something is taken back when a halt comes, and again where the broker refused that."""
    if stage.broker is None:
        return
    halted = stage.witness.state.risk.halted is not None
    rests = [f"{order.contracts} {order.symbol}" for order in stage.entries()] if halted else []
    refuses = any(isinstance(fault, Rejection) for fault in stage.broker.active)
    can_be = stage.can_be_noticed() and not refuses and not stage.world.hangs("trader")
    stays = bool(rests) and can_be
    if (lasts_s := memory.lasts_s("entries", stays, stage.world.true_ns)) > TO_CLOSE_S:
        yield f"an entry of {', '.join(rests)} rested for {lasts_s:.0f} s after a halt"


def a_refused_close_is_tried_again(stage: Stage, memory: Memory) -> Iterator[str]:
    """What a decision closed and the broker refused is closed, or decided on anew."""
    state = stage.witness.state
    if not stage.witness.seen.refused_closes and not memory.refused:
        return
    doubted = state.risk.distrust is not None or bool(state.differences) or bool(state.store_away)
    can_be = stage.broker is not None and stage.can_be_noticed() and not doubted and not stage.world.hangs("trader")
    can_be = can_be and state.calendar.is_open(stage.world.true_ns)
    held = {position.symbol for position in state.ledger.account().positions}
    for symbol in {*stage.witness.seen.refused_closes, *memory.refused}:
        order_id = stage.witness.seen.refused_closes.get(symbol, "")
        lasts_s = memory.lasts_s(f"refused {symbol}", bool(order_id) and can_be and symbol in held, stage.looked_ns())
        memory.refused.add(symbol)
        if lasts_s > TO_CLOSE_S:
            yield f"the close {order_id} of {symbol} was refused and not tried again for {lasts_s:.0f} s"


def a_bundle_from_the_future_is_trained_anew(stage: Stage, memory: Memory) -> Iterator[str]:
    """Its age is not known, so it counts as old; once the trainer has had its turns."""
    trainer, state = stage.world.process("trainer"), stage.witness.state
    now_ns = stage.world.machine_clock.now_ns()
    model = state.model
    ahead = model is not None and model.created_ns > now_ns + CLOCKS_MAY_DIFFER_NS
    waits = ahead and isinstance(trainer, ReadyTrainer) and not trainer.trained
    waits = waits and not stage.disk_was_bad(stage.world.true_ns)
    lasts_s = memory.lasts_s("ahead", waits, stage.world.machine_clock.monotonic_ns())
    if lasts_s > LEFT_S:
        yield f"for {lasts_s:.0f} s the model was stamped in the future, and nothing was trained"


def a_command_is_done_or_said_not_to_be(stage: Stage, memory: Memory) -> Iterator[str]:
    """What a person was told is so: a command that is done stands in the journal, and none ends in a traceback."""
    for said in stage.person.said:
        if said.outcome == "crashed":
            yield f"{said.what} ended in a traceback: {said.sentence}"
        journaled = said.what in stage.witness.seen.commands_of.get(said.who, ())
        trader = stage.world.trader
        kept = trader is None or trader.kept.away or trader.journal.last != stage.witness.last
        elsewhere = said.what in ("halt", "flatten") or not said.who
        if said.outcome == "done" and not (journaled or elsewhere or kept or stage.lost_by_restore(said.at_ns)):
            yield f"{said.what} of {said.who} was said to be done ({said.sentence}) and is not in the journal"
    for said in memory.new("said", stage.person.said):
        if said.outcome == "done" and said.what in ("halt", "flatten"):
            yield from _stands_after(stage, said)


def _stands_after(stage: Stage, said: Said) -> Iterator[str]:
    """Right after a halt or a flatten that was said to hold: the HALT file is there, and nothing is held."""
    layout, trader = stage.world.layout, stage.world.trader
    known = trader is not None and trader.engine.state.risk.halted is not None
    if not (layout.disk.exists(layout.halt_file) or known):
        yield f"{said.what} of {said.who} was said to hold ({said.sentence}), and nothing is halted"
    held = stage.broker.truth.positions if stage.broker is not None and stage.is_told_the_truth() else {}
    if stage.broker is None and trader is not None:
        held = stage.booked()
    if held:
        yield f"{said.what} of {said.who} was said to hold ({said.sentence}), and {held} is held"


def the_day_compared_is_the_day_booked(stage: Stage, memory: Memory) -> Iterator[str]:
    """`compare` finds for a finished day the P&L that the account had at its end."""
    dates = sorted(stage.witness.seen.days)[:-1]
    if stage.plan.seed % COMPARED_EVERY or not dates or stage.plan.base == "demo" or stage.witness.verified():
        return
    report = compare(stage.witness.source(), dates[-1])
    if report.paper_pnl_cents != stage.witness.seen.days[dates[-1]]:
        booked = stage.witness.seen.days[dates[-1]]
        yield f"of {dates[-1]} compare has {report.paper_pnl_cents} cents, the account had {booked} at its end"
    if report.undecided:
        yield f"of {dates[-1]} {report.undecided} decisions do not come out again"


def a_replay_decides_the_same(stage: Stage, memory: Memory) -> Iterator[str]:
    """What was decided live comes out of the journal alone, bit for bit."""
    if stage.plan.seed % COMPARED_EVERY != REPLAYED or stage.witness.verified():
        return
    report = replay(stage.witness.source())
    if report.verdict != "identical":
        yield report.sentence


def statuses_are_true(stage: Stage, memory: Memory) -> Iterator[str]:
    """What `status` and the pages say is so when it is said; a machine that sleeps says nothing."""
    if stage.witness.last and stage.world.true_ns >= stage.world.asleep_until_ns:
        yield from stage.untrue()


OF_PROCESSES: tuple[Rule, ...] = (
    no_process_ends_by_itself,
    no_end_ends_another,
    stop_ends_everything,
)
"""They look at nothing but how processes ended and what a person did to them, and are asked after each such change."""
OF_THE_JOURNAL: tuple[Rule, ...] = (
    no_order_twice,
    nothing_opens_after_a_halt,
    nothing_is_opened_that_no_restart_would_know,
    a_command_is_carried_out_once,
    nothing_is_opened_beside_another_contract,
    a_fill_fits_its_order,
    a_fill_is_booked_on_its_own_date,
    no_level_is_lowered_by_a_restart,
    what_was_forced_ends_with_a_stop,
    nothing_is_risked_on_a_bundle_from_the_future,
)
"""They look at nothing but what the journal said, and are asked after each record of it."""
OF_THE_MOMENT: tuple[Rule, ...] = (
    what_ended_comes_back,
    one_of_each,
    a_supervisor_that_lives_is_not_stood_in_for,
    a_dead_supervisor_is_told,
    the_watchdog_looks,
    no_order_is_at_the_broker_twice,
    no_limit_is_passed,
    what_closes_never_opens,
    where_oco_is_not_the_brokers_only_the_stop_rests,
    a_halt_outlives_the_power,
    a_journal_that_was_away_comes_back,
    what_was_left_is_closed,
    what_is_to_be_closed_is_closed,
    resting_exits_never_exceed_what_is_held,
    what_is_held_is_covered_or_said,
    journal_and_broker_agree_or_it_is_said,
    no_strangers_process_is_ended,
    nothing_is_risked_on_a_broken_journal,
    an_entry_that_rests_goes_on_a_halt,
    a_refused_close_is_tried_again,
    a_bundle_from_the_future_is_trained_anew,
    a_command_is_done_or_said_not_to_be,
)
"""They are asked at every look."""
ALWAYS: tuple[Rule, ...] = (*OF_PROCESSES, *OF_THE_JOURNAL, *OF_THE_MOMENT)
NOW_AND_THEN: tuple[Rule, ...] = (the_fold_is_the_live_state,)
"""Also at each start of the trader and at the end; between them every so many decisions."""
SEEN: tuple[Rule, ...] = (statuses_are_true,)
"""Every so many decisions, after the end of a process, and at the end."""
AT_END: tuple[Rule, ...] = (
    the_chain_is_whole,
    every_fill_is_booked_once,
    the_day_compared_is_the_day_booked,
    a_replay_decides_the_same,
)
EVERY_DECISIONS, SEEN_DECISIONS = 25, 10
SEEN_NS = 12 * NANOS_PER_SECOND
"""While there is no trader, pages are looked at again after so long."""


class Checks:
    """Asks the rules of one stage."""

    def __init__(self, stage: Stage) -> None:
        self._stage, self._memory = stage, Memory()
        self._looked: tuple[int, ...] = ()
        self._read: tuple[int, ...] = ()
        self._ended: tuple[int, ...] = ()
        """What the rules of the journal and those of the processes looked at last."""
        self._decisions, self._starts = 0, 0
        self._seen_decisions, self._ends, self._seen_ns = 0, 0, 0

    def after_turn(self) -> Broken | None:
        """The first rule that does not hold, where something changed since the last look."""
        stage, world = self._stage, self._stage.world
        trader = world.trader
        try:
            if trader is not None and trader.journal.last != stage.witness.last:
                stage.follow()
        except JournalError as error:
            if not stage.flipped_ns:
                return self._broken("the_chain_is_whole", str(error))
        changes = stage.broker.truth.changes if stage.broker is not None else 0
        look = (stage.witness.last, len(world.children), changes, world.true_ns // NANOS_PER_SECOND)
        if look == self._looked:
            return None
        self._looked = look
        seen = stage.witness.seen
        if seen.decisions >= self._decisions + EVERY_DECISIONS or seen.starts != self._starts:
            self._decisions, self._starts = seen.decisions, seen.starts
            if broken := self._ask(NOW_AND_THEN):
                return broken
        ends = sum(not child.alive for child in world.children.values())
        if ends != self._ends:
            world.at(world.true_ns + SEEN_NS, lambda: None)  # a look then, also where nothing runs any more
        away = world.living("trader") is None or world.hangs("trader")
        again = away and world.true_ns >= self._seen_ns + SEEN_NS
        if seen.decisions >= self._seen_decisions + SEEN_DECISIONS or ends != self._ends or again:
            self._seen_decisions, self._ends, self._seen_ns = seen.decisions, ends, world.true_ns
            if broken := self._ask(SEEN):
                return broken
        return self._ask(self._changed(ends)) or self._ask(OF_THE_MOMENT)

    def _changed(self, ends: int) -> tuple[Rule, ...]:
        """The rules that look at nothing but what changed since they were asked.  ends: of processes."""
        stage, read, ended = self._stage, self._read, self._ended
        self._read = (stage.witness.last, stage.witness.replaced)
        world, house = stage.world, stage.house
        left_s = world.true_ns // NANOS_PER_SECOND if house.left else 0  # what is left counts once the disk is sound
        self._ended = (
            ends,
            len(world.children),
            stage.n_mistakes,
            world.disk.windows,
            len(house.stops),
            left_s,
        )
        processes = OF_PROCESSES if self._ended != ended else ()
        return (*processes, *OF_THE_JOURNAL) if self._read != read else processes

    def at_end(self) -> Broken | None:
        """Everything, once all is over."""
        return self._ask((*ALWAYS, *NOW_AND_THEN, *SEEN, *AT_END))

    def _ask(self, rules: tuple[Rule, ...]) -> Broken | None:
        for rule in rules:
            for sentence in rule(self._stage, self._memory):
                return self._broken(rule.__name__, sentence)
        return None

    def _broken(self, invariant: str, sentence: str) -> Broken:
        world = self._stage.world
        world.note(f"BROKEN {invariant}: {sentence}")
        return Broken(invariant, sentence, (world.true_ns - world.start_ns) // 1_000_000)
