"""A row of your own in the table of file formats: files that a script of yours writes, read by every command.

    When;First;Top;Bottom;Px;Lots
    06.10.2025 08:35;2500025;2500400;2499850;2500375;5120

The stamps are Chicago time and mark the close of the bar; prices are in hundredths of a point.  In config/minhos.toml:

    [user]
    file = "examples/format_my_script.py"

Then `python3 minh.py check-data NQZ25.csv` says "read as what my script writes".
"""

from minhos import parts
from minhos.feeds.tables.formats import Format


@parts.formats("my_script", version="1")
def my_script() -> Format:
    return Format(
        title="what my script writes",
        begins=("When", "First"),
        columns={"stamp": "When", "open": "First", "high": "Top", "low": "Bottom", "close": "Px", "volume": "Lots"},
        stamps="close",
        zone="America/Chicago",
        price_unit=0.01,
    )
