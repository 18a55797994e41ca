"""Is there an edge after costs?  UNPROVEN, PROVEN or DEGRADED, from the shadow book's bets.

PROVEN: the betting e-process against "mean net R is at most zero" has reached 20, so a recipe without an edge gets
there with probability 1/20 at most, however often one looks (Ville).  DEGRADED: once proven, a Shiryaev-Roberts
detector of "right only at break-even" against "right as often as the calibrated p says"; its false alarms come
once in 2,000 bets (halve) and 20,000 bets (stop) or later.  Evidence belongs to instrument and recipe.
"""

from __future__ import annotations

import enum
import math

import msgspec

from minhos.risk.shadow import ShadowResult
from minhos.stats.drift import ShiryaevRoberts
from minhos.stats.eprocess import EVIDENCE_LAMBDAS, BettingProcess

PROVEN_AT = 20.0
HALVE_AT = 2_000.0
STOP_AT = 20_000.0
_LOG_PROVEN_AT = math.log(PROVEN_AT)


class EvidenceState(enum.StrEnum):
    UNPROVEN = "unproven"
    PROVEN = "proven"
    DEGRADED = "degraded"


class Evidence(msgspec.Struct, frozen=True, gc=False):
    """All that was proven so far for one instrument and recipe; the whole state of both processes.

    log_wealth: one entry a stake.  log_maximum: of the e-value.  log_r: of the detector, None before its first bet.
    stage: 0 sound, 1 halve, 2 stop.
    """

    instrument: str = ""
    recipe: str = ""
    simulated: bool = False
    bundle_id: str = ""
    bets: int = 0
    clipped: int = 0
    log_wealth: tuple[float, ...] = (0.0,) * len(EVIDENCE_LAMBDAS)
    log_maximum: float = 0.0
    log_r: float | None = None
    stage: int = 0

    @property
    def state(self) -> EvidenceState:
        if self.log_maximum < _LOG_PROVEN_AT:
            return EvidenceState.UNPROVEN
        return EvidenceState.DEGRADED if self.stage else EvidenceState.PROVEN

    @property
    def e_value(self) -> float:
        """The e-value now; infinite where a double cannot hold it."""
        return self._process().e_value

    @property
    def bets_needed(self) -> int | None:
        """Bets still needed at the rate so far: 0 when proven, None while the bets lose and no number would do.

        The best stake's wealth grows by its mean so far and must reach 20 times the number of stakes.
        """
        if self.log_maximum >= _LOG_PROVEN_AT:
            return 0
        best = max(self.log_wealth)
        if self.bets == 0 or best <= 0.0:
            return None
        return max(1, math.ceil((self._target - best) / (best / self.bets)))

    @property
    def bets_from_nothing(self) -> int | None:
        """Bets that a book which begins now would need at the rate so far; None while no number would do."""
        best = max(self.log_wealth)
        if self.bets == 0 or best <= 0.0:
            return None
        return max(1, math.ceil(self._target / (best / self.bets)))

    @property
    def _target(self) -> float:
        return math.log(PROVEN_AT * len(self.log_wealth))

    def _process(self) -> BettingProcess:
        process = BettingProcess(EVIDENCE_LAMBDAS)
        process.log_wealth = list(self.log_wealth)
        process.log_maximum, process.n, process.clipped = self.log_maximum, self.bets, self.clipped
        return process

    def update(self, result: ShadowResult) -> Evidence:
        """The evidence after one more settled bet."""
        process = self._process()
        process.update(result.net_r)
        log_r, stage = self._detect(result) if self.state is not EvidenceState.UNPROVEN else (None, 0)
        return msgspec.structs.replace(
            self,
            bets=process.n,
            clipped=process.clipped,
            log_wealth=tuple(process.log_wealth),
            log_maximum=process.log_maximum,
            log_r=log_r,
            stage=stage,
        )

    def _detect(self, result: ShadowResult) -> tuple[float | None, int]:
        """The detector after one bet, and the stage, which only rises."""
        if result.hit is None:
            return self.log_r, self.stage
        detector = ShiryaevRoberts(result.p, result.break_even, HALVE_AT)
        if self.log_r is not None:
            detector.log_r = self.log_r
        detector.update(result.hit)
        stage = 2 if detector.log_r >= math.log(STOP_AT) else int(detector.alarm)
        return detector.log_r, max(self.stage, stage)


def carried_over(evidence: Evidence | None, instrument: str, recipe: str, bundle_id: str, simulated: bool) -> Evidence:
    """The evidence with which a bundle begins to serve.

    A retrained bundle of the same recipe keeps what was proven and starts with a sound detector; another recipe or
    instrument starts from nothing.  What a simulated market proved counts on no real one, nor the other way round.
    """
    fresh = Evidence(instrument=instrument, recipe=recipe, simulated=simulated, bundle_id=bundle_id)
    if evidence is None:
        return fresh
    if (evidence.instrument, evidence.recipe, evidence.simulated) != (instrument, recipe, simulated):
        return fresh
    if evidence.bundle_id == bundle_id:
        return evidence
    return msgspec.structs.replace(evidence, bundle_id=bundle_id, log_r=None, stage=0)
