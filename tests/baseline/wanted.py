"""What is meant to differ from 0.1.0, one entry a difference; a failing test prints the entries to paste here.

`Wanted(what, before, after, reason)`: `reason` is the line of CHANGELOG.md that tells users.  An entry that no longer
describes a difference fails the test, too.
"""

from __future__ import annotations

from differences import Wanted

FEED = "`[data] feed` and `[feed.NAME]` choose a feed of the user's own and its options."
VENUE = "`[trading] venue` and `[venue.NAME]` choose a venue of the user's own and its options."
OPTIONS = "`[alert.NAME]` and `[limit.NAME]` hold the options of alert channels and limits of the user's own."
TEMPLATE = "The shipped minhos.toml names the settings of the doors."
USER = "`[user] file` names a Python file with parts of the user's own."
PARTS = "New command `parts`: the parts that are loaded, from where, and what they change."
PACKAGES = "New command `packages`: licences, locks and known vulnerabilities of what is installed."
SERVICE = "New command `install-service`: a systemd unit, or a task of Windows' Task Scheduler, that runs `start` with the machine"
ONE_START = "Of two `start` of one home at one moment one wins, and the other says so"
CHANNELS = "`[alert.NAME] urls` tells people through Apprise"
TEST_ALERTS = "New command `test-alerts`: a test message to every alert channel."
ADJUSTED = (
    "Prices that were adjusted over the rolls are recognised and refused; `train` and `check-data` take them with"
)
RULES = (
    "`replay --json` has `rules`: for each version of the rules of decision its words, decisions and those that differ."
)
UNJUDGED = "`replay --json` has `unjudged`: the decisions of a limit of your own that was edited or is gone"
BEATS = "Every heartbeat says which home it belongs to and when its process started."
HOLDS = "A halt holds only where the HALT file is there or a trader acknowledged."
HEARTBEAT = (
    "`[sierra] heartbeat_s`: seconds between two heartbeats of the connection; silence of twice as long is a lost one."
)
REWORDED = "The rules of decision have version 2: a journal of 0.1.0 is replayed by them, and `replay` names the rules and counts"
WORLD = "New bench `world`: all of MinhOS in one thread from a seed, with everything around it that goes wrong."
PAIRS = "`config set` takes several keys with their values, for those that must change together, and says from when they count."
KEYS = "`config set`, `config show KEY` and the new `config get KEY` know every key that a file may hold, such as"
SLIP = "`[market.instruments.NQ] stop_slippage_ticks`: what a stop's fill slips, in the paper venue, the shadow book and sizing."
DAYS_AHEAD = "`[simulation] days_ahead`: for how long the demo's market goes on."
BENCH = "New bench `mutants`: changes of the code that handles money which no test notices."
COMPARED = "`compare` gives a finished day's paper P&L as the ledger had it at the close, whatever ended the day"
NAMES = "The page and the interface answer only under this machine's names and addresses and those in `[web] names`"

EXPORT = "`check-data FILE --export OUT` writes what was read, with the rule that cut each bar, as CSV or parquet"
UNREAD = "`check-data --json` answers with one object also where a file cannot be read"

HELD = "`status`, the page and `/api/trading/status` show everything that is held, not the traded contract alone"

FORCED = "nothing is forced while everything is to be closed"

SILENT = (
    "Accuracy judges the raw score's side: a bar on which it names none is silent, counted as `silent`, and neither right "
    "nor wrong; without any side accuracy is null."
)
VERIFIED = "A note `NAME.sqlite.verified` beside each journal says how far it was proven and where it ended."
REPAIR = (
    "New command `repair`: proves the journal, and goes on from a sound record with `--until N`; the old file is kept."
)
RESTORE = (
    "`restore` takes all of a backup or nothing, and says what it kept, what it left and which secrets are missing."
)
SECRETS = "A backup holds no passwords, tokens or addresses of alert channels; `restore` keeps those of the home."

NOT_RUNNING = (
    "`state` has `not_running`, said before every other but `halted`: no trader was ever started, it was stopped, is silent, "
    "or its process is gone, however fresh its heartbeat."
)
HEALTHY = (
    "`service-health` is `healthy` only while a trader runs and nothing that it needs has failed; `integration` is "
    "`complete` only where every part from data to order answers."
)
TYPED = "What is typed wrong is one sentence with the value and the way out, exit code 2, and nothing is done"

NAMED = "Every process names its version in its heartbeat; `status --json` has `supervisor`, empty where nothing is wrong with it."

UNHEARD = (
    "A process that lives and is not heard of is not said to have ended: a trader behind a full `data/` is `degraded`"
)
BEGUN = "Who starts a process writes its number down (`data/run/begun-NAME.json`): `stop` ends also one that has said nothing yet"

WANTED: list[Wanted] = [
    Wanted("help > minh.py", "config Settings: show, set.", None, KEYS),
    Wanted("help > minh.py", None, "config Settings: show, get, set.", KEYS),
    Wanted("help > config", "Settings: show, set.", None, KEYS),
    Wanted("help > config", None, "Settings: show, get, set.", KEYS),
    Wanted("help > config", "show Every setting that is in force. Example: minh.py config show.", None, KEYS),
    Wanted(
        "help > config",
        None,
        "show Every setting that is in force, or one with its meaning. Example: minh.py config show risk.levels.drawdown.",
        KEYS,
    ),
    Wanted(
        "help > config",
        None,
        "get One setting: its value in force, default, range and what it means. Example: minh.py config get web.port.",
        KEYS,
    ),
    Wanted("help > config show", "Usage: minh.py config show [OPTIONS]", None, KEYS),
    Wanted("help > config show", "Every setting that is in force. Example: minh.py config show.", None, KEYS),
    Wanted("help > config show", None, "Usage: minh.py config show [OPTIONS] [key]", KEYS),
    Wanted(
        "help > config show",
        None,
        "Every setting that is in force, or one with its meaning. Example: minh.py config show risk.levels.drawdown.",
        KEYS,
    ),
    Wanted("help > config show", None, "[Arguments]", KEYS),
    Wanted("help > config show", None, "key <str> A section or section.key; left out: all.", KEYS),
    Wanted(
        "help > config get",
        None,
        '["Usage: minh.py config get [OPTIONS] {key}", "One setting: its value in force, default, range and w… (359 characters, dd53d3fcfd2c)',
        KEYS,
    ),
    Wanted(
        "openapi > components > schemas > WatchdogLine > properties > gone",
        None,
        {
            "type": "boolean",
            "title": "Gone",
            "description": "Its process does not exist any more; it is silent then, too.",
            "default": False,
        },
        UNHEARD,
    ),
    Wanted("home_files > taken up again > files > data/run/start.lock", None, "lock", ONE_START),
    *(
        Wanted("settings > files > minhos.toml", None, line, CHANNELS)
        for line in (
            "# [alert.phone]                 # who is told: Telegram, mail, ntfy ...; `minh.py test-alerts` tries it, docs/operate.md has all keys",
            '# urls = ["ntfy://ntfy.sh/my-topic"]',
            '# least = "warning"             # info, warning or critical',
            '# quiet = "22:00-07:00"         # only what is critical',
            '# zone = "America/New_York"',
        )
    ),
    Wanted(
        "home_files > taken up again > files > data/run/begun-trader.json", None, "JSON: pid, created_s, home", BEGUN
    ),
    Wanted(
        "home_files > taken up again > files > data/run/begun-trainer.json", None, "JSON: pid, created_s, home", BEGUN
    ),
    Wanted(
        "home_files > taken up again > files > data/run/begun-watchdog.json", None, "JSON: pid, created_s, home", BEGUN
    ),
    Wanted("home_files > taken up again > files > data/run/begun-web.json", None, "JSON: pid, created_s, home", BEGUN),
    Wanted("home_files > taken up again > files > logs/supervisor.log", None, "log", NAMED),
    Wanted("json_keys > empty home > status --json > keys > supervisor", None, "str", NAMED),
    Wanted("json_keys > get > /api/kelly/dashboard-data > keys > status.supervisor", None, "str", NAMED),
    Wanted("json_keys > get > /api/trading/status > keys > status.supervisor", None, "str", NAMED),
    Wanted("json_keys > home of a demo > status --json > keys > supervisor", None, "str", NAMED),
    Wanted("json_keys > running demo > status --json > keys", None, "supervisor", NAMED),
    Wanted(
        "openapi > components > schemas > Status > properties > supervisor",
        None,
        {
            "type": "string",
            "title": "Supervisor",
            "description": "What is wrong with the supervisor or what it starts; empty where all runs that should, or `start` was ended.",
            "default": "",
        },
        NAMED,
    ),
    Wanted(
        "openapi > components > schemas > ServiceHealth > properties > integration > description",
        "complete: every part from data to order is built in.",
        "complete: every part from data to order answers; incomplete: one waits or has failed, or no trader runs.",
        HEALTHY,
    ),
    Wanted(
        "openapi > components > schemas > ServiceHealth > description",
        "Health of the Kelly service; `unhealthy` where something that ran does not run as it should.",
        "Health of the Kelly service: `healthy` where a trader runs and no part of what it needs has failed.",
        HEALTHY,
    ),
    Wanted(
        "openapi > components > schemas > Status > properties > state > description",
        "no_predictions, training, no_edge, live, degraded, halted or market_closed.",
        "not_running, no_predictions, training, no_edge, live, degraded, halted or market_closed.",
        NOT_RUNNING,
    ),
    Wanted(
        "openapi > components > schemas > AccuracyLine > properties > silent",
        None,
        {
            "type": "integer",
            "title": "Silent",
            "description": "Bars that moved and on which the score named no side: neither right nor wrong.",
            "default": 0,
        },
        SILENT,
    ),
    Wanted(
        "openapi > components > schemas > TrainedLine > properties > silent",
        None,
        {
            "anyOf": [{"type": "integer"}, {"type": "null"}],
            "title": "Silent",
            "description": "Bars that moved and on which the score named no side; null where an earlier version did not "
            "count them.",
        },
        SILENT,
    ),
    Wanted("json_keys > get > /api/ml/performance > keys > live[].silent", None, "int", SILENT),
    Wanted("json_keys > get > /api/ml/performance > keys > trained[].silent", None, "null", SILENT),
    Wanted(
        "openapi > components > schemas > CommandAnswer > properties > holds > description",
        "After halt and flatten: nothing is known or feared to stand at a broker.",
        "After halt and flatten: nothing is known or feared to stand at a broker; after halt also that the HALT file is "
        "there or the trader acknowledged.",
        HOLDS,
    ),
    Wanted(
        "help > minh.py",
        None,
        "packages Licences, locks and known vulnerabilities of what is installed. Example: minh.py packages --vulnerabilities.",
        PACKAGES,
    ),
    Wanted(
        "help > minh.py",
        None,
        "test-alerts Send a test message to your alert channels, now, also in quiet hours. Example: minh.py test-alerts phone.",
        TEST_ALERTS,
    ),
    Wanted(
        "help > test-alerts",
        None,
        '["Usage: minh.py test-alerts [OPTIONS] [name]", "Send a test message to your alert channels, now, al… (374 characters, 136d39037c31)',
        TEST_ALERTS,
    ),
    *(
        Wanted(
            f"help > {command}",
            None,
            "--adjusted <bool> Take prices that were adjusted over rolls: for training alone, never for sizes.",
            ADJUSTED,
        )
        for command in ("train", "check-data")
    ),
    Wanted(
        "help > minh.py",
        None,
        "install-service Write what makes systemd or Windows run `start`; nothing is started. Example: minh.py install-service.",
        SERVICE,
    ),
    Wanted(
        "help > install-service",
        None,
        """["Usage: minh.py install-service [OPTIONS]", "Write what makes systemd or Windows run `start`; nothi… (974 characters, e46ee8b5a7e2)""",
        SERVICE,
    ),
    Wanted("settings > values > simulation.days_ahead", None, {"type": "int", "default": 180}, DAYS_AHEAD),
    Wanted(
        "settings > files > minhos.toml",
        None,
        "# days_ahead = 180              # calendar days that the market goes on for",
        DAYS_AHEAD,
    ),
    Wanted("json_keys > home of a demo > config show --json > keys > simulation.days_ahead", None, "int", DAYS_AHEAD),
    Wanted(
        "help > bench",
        "name <str> One of decision, features, ingest, backtest, train, edge, sizing, dtc, tail, faults, honesty, walk_forward, scheduler. [required]",
        None,
        BENCH,
    ),
    Wanted(
        "help > bench",
        None,
        '"name <str> One of decision, features, ingest, backtest, train, edge, sizing, dtc, tail, faults, hon… (225 characters, 394bbdd2a14f)',
        BENCH,
    ),
    Wanted(
        "help > bench",
        "--seed <int> What makes the rounds the same again (faults).",
        None,
        WORLD,
    ),
    Wanted(
        "help > bench",
        None,
        "--seed <int> What makes the rounds the same again (faults, mutants, world).",
        WORLD,
    ),
    Wanted("help > bench", None, "--seeds <int range> [x>=1] Seeds from --seed on (world, put_back).", WORLD),
    Wanted("help > bench", None, "--trace <bool> Tell what happened, and the fewest faults (world).", WORLD),
    Wanted("settings > values > sierra.heartbeat_s", None, {"type": "int", "default": 10}, HEARTBEAT),
    Wanted("json_keys > home of a demo > config show --json > keys > sierra.heartbeat_s", None, "int", HEARTBEAT),
    Wanted("settings > files > minhos.toml", None, "# heartbeat_s = 10", HEARTBEAT),
    Wanted("json_keys > home of a demo > replay --verify --json > exit", 0, 1, REWORDED),
    Wanted("json_keys > home of a demo > replay --verify --json > keys > first", "null", "object", REWORDED),
    Wanted("json_keys > home of a demo > replay --verify --json > keys > first.close_time_ns", None, "int", REWORDED),
    Wanted("json_keys > home of a demo > replay --verify --json > keys > first.fields", None, "list", REWORDED),
    Wanted("json_keys > home of a demo > replay --verify --json > keys > first.fields[]", None, "object", REWORDED),
    Wanted("json_keys > home of a demo > replay --verify --json > keys > first.fields[].field", None, "str", REWORDED),
    Wanted(
        "json_keys > home of a demo > replay --verify --json > keys > first.fields[].recomputed", None, "str", REWORDED
    ),
    Wanted(
        "json_keys > home of a demo > replay --verify --json > keys > first.fields[].recorded", None, "str", REWORDED
    ),
    Wanted("json_keys > home of a demo > replay --verify --json > keys > first.sequence", None, "int", REWORDED),
    Wanted("json_keys > home of a demo > replay --verify --json > keys > first.time", None, "str", REWORDED),
    Wanted("journals > demo > replay > exit", 0, 1, REWORDED),
    Wanted("journals > demo > replay > answer > verdict", "identical", "differs", REWORDED),
    Wanted(
        "journals > demo > replay > answer > sentence",
        "All 474 recorded decisions come out identical, bit for bit.",
        '"43 of 474 decisions differ, first that of 2025-10-06T14:55:00Z (record 83): reason p 63.13% is belo… (744 characters, 12d1a5975db3)',
        REWORDED,
    ),
    Wanted("journals > demo > replay > answer > differing", 0, 43, REWORDED),
    Wanted(
        "journals > demo > replay > answer > first",
        None,
        '{"close_time_ns": 1759762500000000000, "fields": [{"field": "reason", "recomputed": "p 0.631 is belo… (515 characters, fc1559d8b045)',
        REWORDED,
    ),
    Wanted(
        "journals > demo > replay > answer > rules",
        None,
        [{"version": 1, "rules": "as in MinhOS 0.1.0", "decisions": 474, "differing": 43}],
        REWORDED,
    ),
    Wanted(
        "help > packages",
        None,
        '["Usage: minh.py packages [OPTIONS]", "Licences, locks and known vulnerabilities of what is installe… (342 characters, 202ff7a2d28d)',
        PACKAGES,
    ),
    Wanted("json_keys > home of a demo > replay --verify --json > keys > rules", None, "list", RULES),
    Wanted("json_keys > home of a demo > replay --verify --json > keys > rules[]", None, "object", RULES),
    Wanted("json_keys > home of a demo > replay --verify --json > keys > rules[].decisions", None, "int", RULES),
    Wanted("json_keys > home of a demo > replay --verify --json > keys > rules[].differing", None, "int", RULES),
    Wanted("json_keys > home of a demo > replay --verify --json > keys > rules[].rules", None, "str", RULES),
    Wanted("json_keys > home of a demo > replay --verify --json > keys > rules[].version", None, "int", RULES),
    Wanted("journals > demo > replay > answer > unjudged", None, [], UNJUDGED),
    Wanted("journals > sierra > replay > answer > unjudged", None, [], UNJUDGED),
    Wanted("journals > sierra_restarted > replay > answer > unjudged", None, [], UNJUDGED),
    Wanted("journals > sierra_halted > replay > answer > unjudged", None, [], UNJUDGED),
    Wanted("json_keys > home of a demo > replay --verify --json > keys > unjudged", None, "list", UNJUDGED),
    Wanted(
        "journals > sierra > replay > answer > rules",
        None,
        [{"version": 1, "rules": "as in MinhOS 0.1.0", "decisions": 22, "differing": 0}],
        RULES,
    ),
    Wanted(
        "journals > sierra_restarted > replay > answer > rules",
        None,
        [{"version": 1, "rules": "as in MinhOS 0.1.0", "decisions": 22, "differing": 0}],
        RULES,
    ),
    Wanted(
        "journals > sierra_halted > replay > answer > rules",
        None,
        [{"version": 1, "rules": "as in MinhOS 0.1.0", "decisions": 22, "differing": 0}],
        RULES,
    ),
    Wanted("settings > values > data.feed", None, {"type": "str", "default": ""}, FEED),
    Wanted("settings > values > feed", None, {"type": "dict", "default": {}}, FEED),
    Wanted("settings > values > trading.account", None, {"type": "str", "default": "own"}, VENUE),
    Wanted("settings > values > trading.mode", None, {"type": "str", "default": "paper"}, VENUE),
    Wanted("settings > values > trading.venue", None, {"type": "str", "default": ""}, VENUE),
    Wanted("settings > values > venue", None, {"type": "dict", "default": {}}, VENUE),
    Wanted("json_keys > home of a demo > config show --json > keys > data.feed", None, "str", FEED),
    Wanted("json_keys > home of a demo > config show --json > keys > feed", None, "object", FEED),
    Wanted("json_keys > home of a demo > config show --json > keys > trading", None, "object", VENUE),
    Wanted("json_keys > home of a demo > config show --json > keys > trading.account", None, "str", VENUE),
    Wanted("json_keys > home of a demo > config show --json > keys > trading.mode", None, "str", VENUE),
    Wanted("json_keys > home of a demo > config show --json > keys > trading.venue", None, "str", VENUE),
    Wanted("json_keys > home of a demo > config show --json > keys > venue", None, "object", VENUE),
    Wanted(
        "home_files > taken up again > files > data/run/trader.json",
        "JSON: pid, state, time_ns, market_time_ns, mode, scope, account, journal, trade_date, venue, venue_ready, venue_reason, positions, serving, feed, market_open, next_open_ns",
        '"JSON: pid, home, created_s, time_ns, steady_ns, version, state, switches, market_time_ns, mode, sco… (251 characters, 44cb1f7bc944)',
        BEATS,
    ),
    Wanted(
        "home_files > taken up again > files > data/run/trainer.json",
        "JSON: pid, state, time_ns, scope, error",
        "JSON: pid, home, created_s, time_ns, steady_ns, version, state, switches, scope, error",
        BEATS,
    ),
    Wanted(
        "home_files > taken up again > files > data/run/watchdog.json",
        "JSON: pid, time_ns, state, sentence, last_action",
        "JSON: pid, home, created_s, time_ns, steady_ns, version, state, switches, sentence, last_action, supervisor",
        BEATS,
    ),
    Wanted(
        "home_files > taken up again > files > data/run/web.json",
        "JSON: pid, state, time_ns, port, sequence",
        "JSON: pid, home, created_s, time_ns, steady_ns, version, state, switches, port, sequence",
        BEATS,
    ),
    Wanted(
        "help > minh.py",
        None,
        "parts Parts that are loaded, yours and ours: from where, and what each changes. Example: minh.py parts.",
        PARTS,
    ),
    Wanted(
        "help > parts",
        None,
        '["Usage: minh.py parts [OPTIONS]", "Parts that are loaded, yours and ours: from where, and what each… (366 characters, de9f739fd08b)',
        PARTS,
    ),
    Wanted("settings > values > alert", None, {"type": "dict", "default": {}}, OPTIONS),
    Wanted("settings > values > limit", None, {"type": "dict", "default": {}}, OPTIONS),
    Wanted("settings > values > user.file", None, {"type": "str", "default": ""}, USER),
    Wanted("help > config set", "Usage: minh.py config set [OPTIONS] {key} {value}", None, PAIRS),
    Wanted("help > config set", None, "Usage: minh.py config set [OPTIONS] {key} {value} [more]...", PAIRS),
    Wanted("help > config set", "key <str> section.key, as risk.max_consecutive_losses. [required]", None, PAIRS),
    Wanted("help > config set", "value <str> A TOML value; text needs no quotes. [required]", None, PAIRS),
    Wanted(
        "help > config set",
        None,
        "key <str> section.key, as risk.max_consecutive_losses. [required] value <str> A TOML value; text needs no quotes. [required]",
        PAIRS,
    ),
    Wanted(
        "help > config set",
        None,
        "more... <list[str]> Further keys and values, for those that must change together.",
        PAIRS,
    ),
    Wanted(
        "settings > files > minhos.toml",
        None,
        '# feed = ""                     # a feed of your own by its name; its options in [feed.NAME]',
        TEMPLATE,
    ),
    Wanted("settings > files > minhos.toml", None, "", TEMPLATE),
    Wanted("settings > files > minhos.toml", None, "", TEMPLATE),
    Wanted(
        "settings > files > minhos.toml",
        None,
        "[trading]                       # without a venue here: Sierra Chart where [sierra] has a host, else the paper venue",
        TEMPLATE,
    ),
    Wanted(
        "settings > files > minhos.toml",
        None,
        '# venue = ""                    # a venue of your own by its name; its options in [venue.NAME]',
        TEMPLATE,
    ),
    Wanted(
        "settings > files > minhos.toml",
        None,
        '# account = "own"               # its account, as the journal names it',
        TEMPLATE,
    ),
    Wanted(
        "settings > files > minhos.toml",
        None,
        '# mode = "paper"                # "live" where it moves real money',
        TEMPLATE,
    ),
    Wanted(
        "settings > files > minhos.toml",
        None,
        "[user]                          # your own features, members, limits, feeds, venues, alert channels: `minh.py parts`",
        TEMPLATE,
    ),
    Wanted(
        "settings > files > minhos.toml",
        None,
        '# file = ""                     # a Python file that registers them; under the home where its path is not whole',
        TEMPLATE,
    ),
    Wanted(
        "settings > files > minhos.toml",
        None,
        "# Options of your parts by their names: [feed.NAME], [venue.NAME], [alert.NAME], [limit.NAME].",
        TEMPLATE,
    ),
    Wanted("json_keys > home of a demo > config show --json > keys > alert", None, "object", OPTIONS),
    Wanted("json_keys > home of a demo > config show --json > keys > limit", None, "object", OPTIONS),
    Wanted("json_keys > home of a demo > config show --json > keys > user", None, "object", USER),
    Wanted("json_keys > home of a demo > config show --json > keys > user.file", None, "str", USER),
    Wanted("json_keys > home of a demo > compare --day 20251007 --json > keys > rows[]", "object", None, COMPARED),
    Wanted(
        "json_keys > home of a demo > compare --day 20251007 --json > keys > rows[].backtest", "str", None, COMPARED
    ),
    Wanted("json_keys > home of a demo > compare --day 20251007 --json > keys > rows[].paper", "str", None, COMPARED),
    Wanted("json_keys > home of a demo > compare --day 20251007 --json > keys > rows[].reason", "str", None, COMPARED),
    Wanted("json_keys > home of a demo > compare --day 20251007 --json > keys > rows[].time", "str", None, COMPARED),
    Wanted("json_keys > home of a demo > compare --day 20251007 --json > keys > rows[].what", "str", None, COMPARED),
    Wanted("settings > values > web.names", None, {"type": "list", "default": []}, NAMES),
    Wanted(
        "settings > files > minhos.toml",
        None,
        '# names = []                    # names under which the page is opened besides this machine\'s: ["trading.example.com"]',
        NAMES,
    ),
    Wanted("json_keys > home of a demo > config show --json > keys > web.names", None, "list", NAMES),
    Wanted(
        "home_files > taken up again > files > data/journal/simulated-paper-ou-58-7.sqlite.verified",
        None,
        "verified",
        VERIFIED,
    ),
    Wanted(
        "settings > files > minhos.toml",
        None,
        "# stop_slippage_ticks = 0       # what a stop's fill slips beyond that",
        SLIP,
    ),
    Wanted(
        "help > minh.py",
        None,
        "repair Prove the journal, or go on from a sound record; the file as it was is kept. Example: minh.py repair --until 81.",
        REPAIR,
    ),
    Wanted(
        "help > repair",
        None,
        '["Usage: minh.py repair [OPTIONS]", "Prove the journal, or go on from a sound record; the file as it… (569 characters, 211c58199e98)',
        REPAIR,
    ),
    Wanted(
        "help > backup",
        None,
        "Passwords, tokens and addresses of alert channels are left out; `restore` keeps those that the home has.",
        SECRETS,
    ),
    Wanted(
        "help > restore",
        None,
        "All of it or nothing: whatever is wrong with the file is said before anything is changed.",
        RESTORE,
    ),
    Wanted("json_keys > home of a demo > restore b.zip --json > keys > kept", None, "list", RESTORE),
    Wanted("json_keys > home of a demo > restore b.zip --json > keys > kept[]", None, "str", RESTORE),
    Wanted("json_keys > home of a demo > restore b.zip --json > keys > missing", None, "list", RESTORE),
    Wanted("json_keys > home of a demo > restore b.zip --json > keys > passed_over", None, "list", RESTORE),
    Wanted("json_keys > running demo > force --side flat --json > exit", 0, 1, FORCED),
    Wanted("json_keys > running demo > force --side flat --json > keys", "answer", None, FORCED),
    Wanted("json_keys > running demo > force --side flat --json > keys", "command", None, FORCED),
    Wanted("help > compare", "--day <int> Trade date, as 20251006. [default: 0]", None, TYPED),
    Wanted("help > compare", None, "--day <date> Trade date, as 20251006; by default the newest.", TYPED),
    Wanted("help > train", "--seed <int> Seed of the random numbers.", None, TYPED),
    Wanted("help > train", None, "--seed <int range> [0<=x<=1000000000] Seed of the random numbers.", TYPED),
    Wanted(
        "openapi > components > schemas > Status > properties > position > description",
        None,
        "Signed contracts held in `order_symbol`.",
        HELD,
    ),
    Wanted(
        "openapi > components > schemas > Status > properties > positions",
        None,
        '{"additionalProperties": {"type": "integer"}, "description": "Signed contracts of everything that is… (210 characters, e57d49488fef)',
        HELD,
    ),
    Wanted("openapi > components > schemas > Status > required", None, "positions", HELD),
    Wanted("json_keys > get > /api/kelly/dashboard-data > keys > status.positions", None, "object", HELD),
    Wanted("json_keys > get > /api/trading/status > keys > status.positions", None, "object", HELD),
    Wanted("json_keys > empty home > status --json > keys > positions", None, "object", HELD),
    Wanted("json_keys > home of a demo > status --json > keys > positions", None, "object", HELD),
    Wanted("json_keys > running demo > status --json > keys", None, "positions", HELD),
    Wanted("help > check-data", None, "--export <path> Write what was read to this new .csv or .parquet file.", EXPORT),
    *(
        Wanted(f"json_keys > home of a demo > check-data {typed} --json > keys > {key}", before, after, UNREAD)
        for typed in ("holes.csv --symbol NQZ25", "nothing.csv")
        for key, before, after in (
            (".", "nothing", "object"),
            *((key, None, "int") for key in ("bars", "kept_bars")),
            *((key, None, "list") for key in ("contracts", "dates", "notes", "sources")),
            *((key, None, "null") for key in ("first", "gate", "last", "quality")),
            *((key, None, "str") for key in ("reason", "sources[]", "verdict")),
        )
    ),
]
