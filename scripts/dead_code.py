"""Name what nothing in the package calls, by vulture; tests do not count as callers.

    python scripts/dead_code.py

Fields of structs are read by whoever reads their JSON, and members of enumerations by whoever receives one: neither is
judged.  Everything else that is meant to stay stands in `KEPT` with its reason; an entry that is not needed any more is
named, too.  Exit code 1 where anything is found.
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LOOKED_THROUGH = ("minhos", "scripts", "minh.py")
GENERATED = "*/dtc/messages/*"
CONFIDENCE = 60
BY_DECORATOR = ["@*.get", "@*.post", "@*.websocket", "@*.middleware", "@*.exception_handler", "@*.command", "@parts.*"]

KEPT = {
    "minhos/cli.py's table names them": {
        "accept_position",
        "check_context",
        "install_service",
        "send_test_alerts",
        "list_models",
        "list_parts",
        "promote_model",
        "research",
        "resume",
        "repair",
        "rollback_model",
    },
    "what users import": {
        "calculate",
        "current_recommendation",
        "get_ml_trading_workflow",
        "manual_decision",
        "TradingEngine",
        "check_venue",
        "__getattr__",
    },
    "the DTC library, used by whoever writes a client or a server": {
        "subscribe_depth",
        "submit_oco",
        "SimulatedBackend",
    },
    "what a world leaves behind in the registry of feeds, for tests": {"unregister"},
    "called by the library that they belong to": {
        "inter_op_num_threads",
        "intra_op_num_threads",
        "execution_mode",
        "log_severity_level",
        "compress_type",
        "forward",
        "handleError",
        "_log_destroy_pending",
        "xOpen",
        "xSync",
        "justify",
        "exec_module",
        "on_config",
        "on_files",
        "call_at",
        "pytest_runtest_logreport",
        "pytest_collection_modifyitems",
        "pytest_runtestloop",
    },
}


def main() -> int:
    from vulture import Vulture

    found = Vulture(ignore_decorators=BY_DECORATOR)
    found.scavenge([str(ROOT / name) for name in LOOKED_THROUGH], exclude=[GENERATED])
    unused = [item for item in found.get_unused_code(min_confidence=CONFIDENCE) if item.typ != "variable"]
    kept = {name for names in KEPT.values() for name in names}
    dead = [item for item in unused if item.name not in kept]
    for item in dead:
        print(f"{Path(item.filename).relative_to(ROOT)}:{item.first_lineno}: nothing calls the {item.typ} {item.name}")
    needless = kept - {item.name for item in unused}
    for name in sorted(needless):
        print(f"scripts/dead_code.py: {name} is used, or gone: its exception is needed no more")
    return 1 if dead or needless else 0


if __name__ == "__main__":
    from _environment import alone

    alone(__doc__)
    sys.exit(main())
