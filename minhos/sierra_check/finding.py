"""What `check-sierra` finds: one finding a step, the verdict of them all, and the report that a user can send.

Nothing secret goes into a report: `Mask` knows the account numbers and the logon and takes them out of every text,
also where the server repeats them.
"""

from __future__ import annotations

import enum
import re

import msgspec

from minhos import __version__

SIMULATED = re.compile(r"Sim\d+")
"""Names of Sierra Chart's own simulated accounts, which are nobody's secret."""
SHOWN_CHARACTERS = 2


class Verdict(enum.StrEnum):
    """ok; failed: trading needs it and it does not hold; warning: holds, and one should know; unknown: not seen."""

    OK = "ok"
    WARNING = "warning"
    UNKNOWN = "unknown"
    FAILED = "failed"


class Finding(msgspec.Struct, frozen=True):
    """One step: what was observed (value, sentence) and, where it is not right, what to do in Sierra Chart."""

    step: str
    verdict: Verdict
    sentence: str
    value: object = None
    way_out: str = ""


class Report(msgspec.Struct, frozen=True):
    """The whole check.  verdict: ready, or not_ready where a step failed.

    clock_skew_s: this machine's clock less the server's, None where it could not be measured.  legs: what a bracket
    can carry, for [sierra] legs; empty where no bracket was tried.
    """

    verdict: str
    time: str
    minhos: str
    server: str
    account: str
    clock_skew_s: float | None
    legs: str
    failed: tuple[str, ...]
    findings: tuple[Finding, ...]

    @property
    def ready(self) -> bool:
        return self.verdict == "ready"


def ok(step: str, sentence: str, value: object = None) -> Finding:
    return Finding(step, Verdict.OK, sentence, value)


def warning(step: str, sentence: str, value: object = None, way_out: str = "") -> Finding:
    return Finding(step, Verdict.WARNING, sentence, value, way_out)


def unknown(step: str, why: str, value: object = None, way_out: str = "") -> Finding:
    """What could not be seen, because of `why`."""
    return Finding(step, Verdict.UNKNOWN, f"could not be seen, because {why}", value, way_out)


def failed(step: str, sentence: str, way_out: str, value: object = None) -> Finding:
    return Finding(step, Verdict.FAILED, sentence, value, way_out)


class Mask:
    """Takes secrets out of texts: account numbers up to their last two characters, the logon altogether."""

    def __init__(self, secrets: tuple[str, ...]) -> None:
        self._replacements: dict[str, str] = {secret: "***" for secret in secrets if secret}

    def add_account(self, account: str) -> None:
        """Hide this account from now on; names of simulated accounts are left as they are."""
        if account and SIMULATED.fullmatch(account) is None:
            self._replacements.setdefault(account, masked(account))

    def text(self, text: str) -> str:
        """The text without what is hidden; the longest secrets are replaced first."""
        for secret in sorted(self._replacements, key=len, reverse=True):
            text = text.replace(secret, self._replacements[secret])
        return text

    def value(self, value: object) -> object:
        """The same for every text inside a JSON value."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {self.text(str(key)): self.value(each) for key, each in value.items()}
        if isinstance(value, list | tuple):
            return [self.value(each) for each in value]
        return value

    def finding(self, found: Finding) -> Finding:
        return Finding(
            self.text(found.step),
            found.verdict,
            self.text(found.sentence),
            self.value(found.value),
            self.text(found.way_out),
        )


def masked(account: str) -> str:
    """An account number of which only the last two characters are shown."""
    return "*" * max(0, len(account) - SHOWN_CHARACTERS) + account[-SHOWN_CHARACTERS:]


def report_of(findings: list[Finding], mask: Mask, *, time: str, server: str, account: str) -> Report:
    """The report; the newest finding of a step that was taken twice counts."""
    newest = {each.step: each for each in findings}
    hidden = tuple(mask.finding(each) for each in newest.values())
    bad = tuple(each.step for each in hidden if each.verdict is Verdict.FAILED)
    skew, legs = newest.get("clock_skew"), newest.get("legs")
    return Report(
        verdict="not_ready" if bad or not hidden else "ready",
        time=time,
        minhos=__version__,
        server=mask.text(server),
        account=mask.text(account),
        clock_skew_s=skew.value["skew_s"] if skew is not None and isinstance(skew.value, dict) else None,
        legs=legs.value if legs is not None and isinstance(legs.value, str) else "",
        failed=bad,
        findings=hidden,
    )


def as_text(report: Report) -> str:
    """The report as plain text, to be sent."""
    lines = [
        f"MinhOS {report.minhos}, check-sierra, {report.time}",
        f"{report.server}, account {report.account}: {report.verdict.replace('_', ' ')}",
        "",
    ]
    for found in report.findings:
        lines.append(f"[{found.verdict.value:7}] {found.step}: {found.sentence}")
        if found.value not in (None, ""):
            lines.append(f"{'':10}value: {msgspec.json.encode(found.value).decode()}")
        if found.way_out:
            lines.append(f"{'':10}what to do: {found.way_out}")
    return "\n".join(lines) + "\n"
