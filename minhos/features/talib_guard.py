"""The one place that imports TA-Lib.

`import talib` pulls in pandas and polars wherever they are installed, which triples the memory and the start-up
time of the trading process.  They are hidden while it loads; TA-Lib then takes numpy arrays only.
"""

from __future__ import annotations

import sys

_hidden = [name for name in ("pandas", "polars") if name not in sys.modules]
for _name in _hidden:
    sys.modules[_name] = None  # type: ignore[assignment]
try:
    import talib
    from talib import stream
finally:
    for _name in _hidden:
        del sys.modules[_name]

__all__ = ["stream", "talib"]
