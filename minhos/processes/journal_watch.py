"""The trader's distrust of its own journal: what is proven before the first order, and what in the background.

Before the first order: the newest snapshot, every record after it, and that the journal ends no earlier than it did.
A break there cuts the journal: it goes on from its sound beginning, the file that was there is kept.  The rest is
proven between bars, a few milliseconds at a time; a break there is a `problem` for as long as this journal is used.
Either is an alarm and a pause: nothing is added, what is held stays protected.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import msgspec
import structlog

from minhos.assembly import journal_notes
from minhos.assembly.layout import Layout
from minhos.errors import JournalBroken, JournalError
from minhos.journal.database import is_damage
from minhos.journal.reader import JournalReader, reader
from minhos.journal.repair import cut, soundness
from minhos.journal.store import Journal, replacement_of
from minhos.journal.verification import PIECE, Verification, Verified
from minhos.market.clock import Clock
from minhos.market.types import NANOS_PER_SECOND
from minhos.trading.recovery import SNAPSHOT

PIECE_S = 0.002
PIECES = 8
"""At most so many pieces in one turn, also where a clock stands still."""
NOTE_INTERVAL_S = 30.0
AGAIN_AFTER_S = 7 * 24 * 3600.0
"""So long after it was whole, a journal is proven from its first record again; so it is after a restart."""

Folded = TypeVar("Folded")
log = structlog.get_logger("trader")


class JournalWatch:
    """One for each trader and its journal."""

    journal: Journal

    def __init__(self, layout: Layout, path: Path, wall: Clock) -> None:
        self.problem = ""
        """Why nothing new may be risked with this journal; empty where nothing speaks against it."""
        self.pause = ""
        """Why trading is to pause now, once: a person may resume."""
        self.alarms: list[str] = []
        """What a person has to hear, oldest first; whoever says it takes it away."""
        self._layout, self._path, self._wall = layout, path, wall
        self._note = Verified()
        self._reader: JournalReader | None = None
        self._pass: Verification | None = None
        self._noted_ns = 0
        self._written: Verified | None = None
        """The note as it lies beside the journal since this start."""
        self._resumed = False
        """Whether the pass under way was begun before the last restart."""

    # Before the first order -----------------------------------------------------------------------------------------

    def open(self, identity: dict[str, str], fold: Callable[[Journal], Folded]) -> Folded:
        """Become the journal's writer and fold it, from its sound beginning where it is broken.

        Raises JournalError where another process writes it, or nothing of it can be read.
        """
        self._note = journal_notes.read(self._layout, self._path)
        database = self._layout.database
        if self._note.last and not database.exists(self._path) and not database.exists(replacement_of(self._path)):
            self._stop(
                f"The journal {self._path} is gone; {self._note.last:,} records were there. An empty one was begun: "
                "compare the account, or stop MinhOS and `python3 minh.py restore BACKUP.zip`."
            )
            self._note = Verified()
        try:
            if self._note.damaged:
                raise JournalBroken(self._path, self._note.last, self._note.damaged)
            folded = self._fold(identity, fold)
        except JournalBroken as broken:
            self._cut(broken)
            folded = self._fold(identity, fold)
        try:
            if self._note.restored:
                self._stop(self._note.restored)
            self._compare_the_end()
            self._begin()
        except BaseException:
            self.journal.close()
            raise
        return folded

    def _fold(self, identity: dict[str, str], fold: Callable[[Journal], Folded]) -> Folded:
        try:
            journal = Journal.open(self._path, identity, self._layout.database)
        except JournalError as error:
            if isinstance(error, JournalBroken) or error.__cause__ is None or not is_damage(error.__cause__):
                raise
            raise JournalBroken(self._path, self._note.last, str(error.__cause__)) from error
        try:
            for sequence in journal.drop_unsound_snapshots(SNAPSHOT):
                if sequence > journal.last:
                    self._stop(
                        f"The journal {self._path} ends at record {journal.last:,}, and its snapshot knows of "
                        f"{sequence:,}: its end is missing. Compare the account with the broker, or stop MinhOS and "
                        "`python3 minh.py restore BACKUP.zip`."
                    )
                else:
                    self.alarms.append(
                        f"The snapshot at record {sequence:,} of the journal {self._path.name} was changed after the "
                        "fact: it is not used, the account is folded from the records."
                    )
            folded = fold(journal)
        except BaseException as error:
            damaged, last = journal.damaged, journal.last
            journal.close()
            if damaged and not isinstance(error, JournalBroken):  # no later start could write it either
                raise JournalBroken(self._path, last, damaged) from error
            raise
        self.journal = journal
        return folded

    def _cut(self, found: JournalBroken) -> None:
        """Go on with what is sound; a record before the snapshot that is broken, too, ends it there."""
        database = self._layout.database
        source = reader(self._path, database)
        try:
            sound, broken = soundness(source, SNAPSHOT)
            last = _last_of(source)
        finally:
            source.close()
        log.error("journal broken", reason=str(broken or found))
        try:
            kept = cut(self._path, sound, database, _progress)
        except JournalBroken as earlier:
            sound, broken = earlier.first_broken - 1, earlier
            kept = cut(self._path, sound, database, _progress)
        self._note = Verified()
        as_it_was = f"the file as it was is {kept.name if kept else 'gone'}"
        ways = "or stop MinhOS and `python3 minh.py restore BACKUP.zip`"
        if broken is None:
            self._stop(
                f"The file of the journal {self._path} was damaged ({found.reason}), its {sound:,} records are sound "
                f"and were written anew; {as_it_was}. Look at the disk before you `resume`, {ways}."
            )
            return
        lost = f"{last - sound:,} records" if last > sound else "what followed"
        self._stop(
            f"The journal {self._path} was broken at record {broken.first_broken} ({broken.reason}). The account is "
            f"that of record {sound}, without {lost}; {as_it_was}. Compare what is held with the broker before you "
            f"`resume`, {ways}."
        )

    def _compare_the_end(self) -> None:
        if what := journal_notes.misfit(self._note, self.journal):
            self._found(
                f"The journal {self._path} {what}. Ways out, with MinhOS stopped: `python3 minh.py restore "
                "BACKUP.zip`, or `python3 minh.py repair`, which says how to go on with it as it is."
            )

    def _stop(self, text: str) -> None:
        self.alarms.append(text)
        self.pause = self.pause or text

    def _found(self, text: str) -> None:
        self.problem = self.problem or text
        self.alarms.append(text)

    @property
    def proven(self) -> bool:
        """Whether a pass came to the end since this start."""
        return self._note.done

    @property
    def position(self) -> int:
        """The last record that the pass under way has proven."""
        return self._pass.sequence if self._pass is not None else 0

    # In the background ----------------------------------------------------------------------------------------------

    def _begin(self) -> None:
        """A pass that was broken off goes on where it was, and another follows it; else one begins."""
        self._reader = reader(self._path, self._layout.database)
        note = self._note
        going_on = not note.done and 0 < note.sequence <= self.journal.last
        if going_on and self._reader.hash_at(note.sequence).hex() == note.hash:
            self._pass, self._resumed = Verification(self._reader, note.sequence, bytes.fromhex(note.hash)), True
        else:
            self._pass = Verification(self._reader)
        self._note = msgspec.structs.replace(note, done=False)
        self._noted_ns = self._wall.monotonic_ns()
        self._prove(min(self.journal.last, self._pass.sequence + PIECE))  # a break that was found before is known again

    def turn(self) -> None:
        """Prove a little more; to be called while nothing waits."""
        if self._pass is None or self._pass.broken is not None:
            return
        if self._prove(self.journal.durable):
            done = False
        else:
            done = not self._note.done and self._pass.broken is None and self._pass.sequence >= self.journal.durable > 0
        if done:
            self._came_to_the_end()
        elif self._note.done and self._wall.now_ns() - self._note.whole_ns > AGAIN_AFTER_S * NANOS_PER_SECOND:
            self._again()
        elif self._wall.monotonic_ns() - self._noted_ns >= NOTE_INTERVAL_S * NANOS_PER_SECOND:
            if self.journal.was_written_by_others():
                self.alarms.append(
                    f"Another program wrote to the journal {self._path}: it is proven from its first record again."
                )
                self._again()
            self.note()

    def _prove(self, until: int) -> bool:
        """True while there is more to do."""
        assert self._pass is not None
        began_ns, pieces = self._wall.monotonic_ns(), iter(range(PIECES - 1))
        more = self._pass.go_on(
            until,
            lambda: next(pieces, None) is None or self._wall.monotonic_ns() - began_ns >= PIECE_S * NANOS_PER_SECOND,
        )
        if self._pass.broken is not None:
            self._found(str(self._pass.broken))
            self.note()
        return more

    def _came_to_the_end(self) -> None:
        self._note = msgspec.structs.replace(self._note, done=True, whole_ns=self._wall.now_ns())
        for sequence in self.journal.drop_unsound_snapshots(SNAPSHOT):
            self.alarms.append(
                f"The snapshot at record {sequence:,} of the journal {self._path.name} was changed: it is not used."
            )
        assert self._pass is not None
        log.info("journal proven", records=self._pass.sequence)
        self.note()
        if self._resumed:  # what was proven before the restart may have been changed since
            self._again()

    def _again(self) -> None:
        assert self._reader is not None
        self._pass, self._resumed = Verification(self._reader), False
        self._note = msgspec.structs.replace(self._note, done=False)

    def note(self) -> None:
        """Remember beside the journal how far it is proven.  A disk that takes nothing now takes it the next time."""
        self._noted_ns = self._wall.monotonic_ns()
        if self._pass is None:
            return
        note = msgspec.structs.replace(
            self._note,
            sequence=self._pass.sequence,
            hash=self._pass.hash.hex(),
            damaged=self.journal.damaged,
            restored=self._note.restored if self.alarms else "",
        )
        try:
            last = self.journal.durable
            if not self.problem and last and last != note.last:
                note = msgspec.structs.replace(note, last=last, last_hash=self.journal.hash_at(last).hex())
            if note == self._written:
                return
            journal_notes.write(self._layout, self._path, note)
            self._note = self._written = note
        except (OSError, JournalError) as error:
            log.warning("the note beside the journal is not written", reason=str(error))

    def close(self) -> None:
        """Let go of the file; word of its damage is left for the next start."""
        if self._reader is not None:
            if self.journal.damaged:
                self.note()
            self._reader.close()


def _last_of(source: JournalReader) -> int:
    try:
        return source.last
    except JournalError:
        return 0


def _progress(share: float, text: str) -> None:
    log.info("journal repaired", share=round(share, 2), what=text)
