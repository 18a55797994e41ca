"""The command line: `python3 minh.py COMMAND`.

The tables below name every command, the function that runs it and its line in the list of commands.  A command's
module is imported when the command is called, so that one that only reads starts at once.  Not for what commands do:
that stands in `minhos.commands`.
"""

from __future__ import annotations

import importlib
import sys
from dataclasses import dataclass, field
from typing import Any

import typer
from typer.core import TyperGroup

from minhos.commands.common import run
from minhos.commands.mistakes import refuse_no_path


@dataclass(frozen=True)
class Entry:
    """One command."""

    target: str
    """Module below `minhos.commands` and function, as `operate.running:start`."""
    line: str
    """Its line in the list: the first paragraph of the function's docstring."""
    replaces: bool = False
    """The line stands in place of the function's docstring in the command's own help, too."""
    context: dict[str, bool] = field(default_factory=dict)
    """Settings of click's context."""


ROOT = {
    "start": Entry(
        "operate.running:start",
        "Run everything: the demo, or your own data.  Example: minh.py start --data NQZ25-CME.scid.",
    ),
    "stop": Entry(
        "operate.running:stop",
        "End everything that runs here; positions keep their stops.  Example: minh.py stop.",
    ),
    "status": Entry(
        "operate.status:status",
        "What the system does now, and why.  Example: minh.py status --json.",
    ),
    "logs": Entry(
        "operate.status:logs",
        "The newest log lines.  Example: minh.py logs --follow --name trainer.",
    ),
    "train": Entry(
        "study.train:train",
        "Train the five members and say what they are worth.  Example: minh.py train NQZ25-CME.scid --days 30.",
    ),
    "research": Entry(
        "study.report:research",
        "Prove an edge on your bars or say that there is none.  Example: minh.py research NQZ25-CME.scid.",
    ),
    "backtest": Entry(
        "study.backtest:backtest",
        "Run the live engine over bars that the model has not seen.  Example: minh.py backtest NQZ25-CME.scid.",
    ),
    "replay": Entry(
        "study.journal:replay",
        "Decide every recorded bar again and name the first that differs.  Example: minh.py replay --verify.",
    ),
    "compare": Entry(
        "study.journal:compare",
        "Backtest a paper day and list what differs, with the reason.  Example: minh.py compare --day 20251006.",
    ),
    "check-data": Entry(
        "study.data:check_data",
        "Say whether data may be trained on and traded, and why not.  Example: minh.py check-data NQZ25-CME.scid.",
    ),
    "check-context": Entry(
        "study.data:check_context",
        "What the models would see of real bars, and whether it is enough.  Example: minh.py check-context FILE.",
    ),
    "integration": Entry(
        "study.integration:integration",
        "Is every part there, from data to order?  Example: minh.py integration.",
    ),
    "halt": Entry(
        "operate.control:halt",
        "Stop trading at once: writes the HALT file, cancels and closes, also without a trader.",
    ),
    "resume": Entry(
        "operate.control:resume",
        "End a halt, a pause or an EMERGENCY; removes the HALT file.  Example: minh.py resume.",
    ),
    "pause": Entry(
        "operate.control:pause", 'No new risk; what is open keeps its stops.  Example: minh.py pause --why "lunch".'
    ),
    "flatten": Entry(
        "operate.control:flatten",
        "Cancel orders and close the position, now; writes the HALT file as `halt` does.",
    ),
    "accept-position": Entry(
        "operate.control:accept_position",
        "Book the position that the broker shows, where it stays another than the journal's and no fill explains it.",
    ),
    "arm": Entry(
        "operate.live:arm",
        "Allow live orders until `disarm`, once for the account, when every condition is met.",
    ),
    "disarm": Entry(
        "operate.live:disarm",
        "No live order that adds to a position, until `arm`; what is open keeps its stops.  Example: minh.py disarm.",
    ),
    "force": Entry(
        "operate.live:force",
        "Put a side or a size in place of Kelly's from the next bar on; every limit still holds.",
    ),
    "check-sierra": Entry(
        "operate.sierra:check_sierra",
        "Check the connection to Sierra Chart, with orders that cannot fill on a simulated account.",
    ),
    "drill": Entry(
        "operate.drill:drill",
        "Open one contract on a simulated account, kill, prove that the stop rests, flatten, and time each step.",
    ),
    "backup": Entry(
        "operate.upkeep:backup",
        "Journals, models and settings in one verified zip file; may run while trading.  "
        "Example: minh.py backup b.zip.",
    ),
    "restore": Entry(
        "operate.upkeep:restore",
        "Put a backup back; what was there is kept beside it.  Example: minh.py restore b.zip.",
    ),
    "repair": Entry(
        "operate.upkeep:repair",
        "Prove the journal, or go on from a sound record; the file as it was is kept.  "
        "Example: minh.py repair --until 81.",
    ),
    "checklist": Entry(
        "operate.checklist:checklist",
        "Everything that was asked for: met, not met, or not known here.  Example: minh.py checklist.",
    ),
    "parts": Entry(
        "operate.parts:list_parts",
        "Parts that are loaded, yours and ours: from where, and what each changes.  Example: minh.py parts.",
    ),
    "packages": Entry(
        "operate.packages:packages",
        "Licences, locks and known vulnerabilities of what is installed.  Example: minh.py packages --vulnerabilities.",
    ),
    "bench": Entry(
        "study.bench:bench",
        "Measure and print figures.  Example: minh.py bench decision --json.",
    ),
    "bridge": Entry(
        "operate.bridge:bridge",
        "Serve Sierra Chart's files over DTC.  "
        r"Example: minh.py bridge --folder C:\SierraChart\Data --password secret.",
    ),
    "test-alerts": Entry(
        "operate.alerts:send_test_alerts",
        "Send a test message to your alert channels, now, also in quiet hours.  Example: minh.py test-alerts phone.",
    ),
    "install-service": Entry(
        "operate.service:install_service",
        "Write what makes systemd or Windows run `start`; nothing is started.  Example: minh.py install-service.",
    ),
    "kelly-vs-fixed": Entry(
        "lab.sizing:sizing",
        "Kelly against fixed sizes: `lab sizing` by its old name.  Example: minh.py kelly-vs-fixed --days 30",
        replaces=True,
    ),
}
MODELS = {
    "list": Entry(
        "study.models:list_models",
        "All bundles, newest first, each verified.  Example: minh.py models list.",
    ),
    "promote": Entry(
        "study.models:promote_model",
        "Serve this bundle from the next bar on.  Example: minh.py models promote ID.",
    ),
    "rollback": Entry(
        "study.models:rollback_model",
        "Go back to the bundle before.  Example: minh.py models rollback.",
    ),
}
CONFIG = {
    "show": Entry(
        "operate.config:show",
        "Every setting that is in force, or one with its meaning.  Example: minh.py config show risk.levels.drawdown.",
    ),
    "get": Entry(
        "operate.config:get",
        "One setting: its value in force, default, range and what it means.  Example: minh.py config get web.port.",
    ),
    "set": Entry(
        "operate.config:set_value",
        "Change one setting; comments in the file stay.  Example: minh.py config set paper.initial_cash 100000.",
        context={"ignore_unknown_options": True},  # a value may be negative
    ),
}
LAB = {
    "sizing": Entry(
        "lab.sizing:sizing",
        "Size the same unseen signals in every way there is and compare.  Example: minh.py lab sizing --days 30.",
    ),
    "search": Entry(
        "lab.search:search",
        "Search hyper-parameters; every trial is entered in the ledger.  Example: minh.py lab search NQZ25-CME.scid.",
    ),
    "scenarios": Entry(
        "lab.scenarios:scenarios",
        "What your settings would do on eight bad days.  Example: minh.py lab scenarios --name flash-crash --size MNQ.",
    ),
}
GROUPS = {
    "models": ("The bundles: list, promote, rollback.", MODELS),
    "config": ("Settings: show, get, set.", CONFIG),
    "lab": ("Experiments on signals made out of sample.", LAB),
}
TABLES = {"": ROOT, **{name: table for name, (_, table) in GROUPS.items()}}
HELP = (
    "MinhOS trades CME index futures: forecasts, calibrates, sizes by Kelly, limits risk, and refuses to bet "
    "without an edge."
)


class LazyGroup(TyperGroup):
    """Lists its commands from the table and imports one when it is called."""

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # typer's own copy of click, which it does not export
        entry = TABLES[self.name or ""].get(cmd_name)
        return super().get_command(ctx, cmd_name) if entry is None else command_of(cmd_name, entry)

    def format_help(self, ctx: Any, formatter: Any) -> None:  # as above
        """From the table alone: who lists commands does not import them."""
        listed = TyperGroup(name=self.name, commands=dict(self.commands), params=self.params, help=self.help)
        listed.format_help(ctx, formatter)


def command_of(name: str, entry: Entry) -> Any:  # as above
    """The command itself, with its options; imports its module."""
    module, _, function = entry.target.partition(":")
    alone = typer.Typer(add_completion=False)
    run_it = getattr(importlib.import_module(f"minhos.commands.{module}"), function)
    alone.command(name, help=entry.line if entry.replaces else None, context_settings=entry.context)(run_it)
    command = typer.main.get_command(alone)
    refuse_no_path(command)
    return command


def _group(help_text: str, table: dict[str, Entry]) -> typer.Typer:
    group = typer.Typer(
        cls=LazyGroup, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=help_text
    )
    for name, entry in table.items():
        group.command(name, help=entry.line)(_stand_in)
    return group


def _stand_in() -> None:
    """Listed in place of a command that is not imported yet; never called."""


app = _group(HELP, ROOT)
for _name, (_help, _table) in GROUPS.items():
    app.add_typer(_group(_help, _table), name=_name)


def main() -> None:
    """Entry point of `minh.py` and of the `minhos` script; exits with the command's code (2 for wrong use)."""
    sys.exit(run(lambda: app(prog_name="minh.py", standalone_mode=False)))


if __name__ == "__main__":
    main()
