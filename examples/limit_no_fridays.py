"""A limit of your own: no new position on a Friday in New York; what is held may be kept or closed.

In config/minhos.toml:

    [user]
    file = "examples/limit_no_fridays.py"

A limit is asked at every bar, after those of MinhOS, and can only lower the number of contracts.  It returns None
where it has nothing to say, or a `Cap`: `no_adds` (keep or shrink), `flatten` (close), or `Cap(name, 2, "why")` for at
most two contracts.  One that raises or answers nonsense allows nothing at that bar.
"""

import datetime as dt
from zoneinfo import ZoneInfo

from minhos import parts
from minhos.risk.limits.caps import no_adds
from minhos.risk.types import Cap, RiskContext

NEW_YORK = ZoneInfo("America/New_York")
FRIDAY = 4


@parts.limits("no_fridays", version="1")
class NoFridays:
    def cap(self, context: RiskContext) -> Cap | None:
        now = dt.datetime.fromtimestamp(context.time_ns // 10**9, NEW_YORK)
        return no_adds("no_fridays", context, "it is Friday") if now.weekday() == FRIDAY else None
