"""An alert channel of your own: every alarm becomes a line of a file.  In config/minhos.toml:

    [user]
    file = "examples/alert_file.py"
    [alert.diary]
    file = "/home/me/alarms.txt"

A channel has one method.  It may take long and may fail: MinhOS tries again, says so, and trades on.
"""

from pathlib import Path

from minhos import parts


@parts.alerts("diary", version="1")
class Diary:
    def __init__(self, options: dict[str, object]) -> None:
        self.file = Path(str(options.get("file", "alarms.txt")))

    def send(self, severity: str, title: str, text: str) -> None:
        with self.file.open("a", encoding="utf-8") as file:
            file.write(f"{severity} from {title}: {text}\n")
