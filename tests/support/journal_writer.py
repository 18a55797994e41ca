"""A writer process for the kill tests: appends without end and prints each sequence that it was told is durable."""

from __future__ import annotations

import sys

from minhos.journal.store import Journal
from minhos.journal.types import Entry


def main(path: str) -> None:
    journal = Journal.open(path, {"mode": "paper", "account": "sim"})
    print("open", journal.last, flush=True)
    for i in range(10**9):
        journal.append("Decision", b"decision %d" % i, i)
        journal.append_many([Entry("Bar", b"bar" * 50, i), Entry("Price", b"price", i)])
        if i % 7 == 0:
            journal.snapshot("ledger", journal.last, b"state %d" % i)
        if i % 11 == 0:
            journal.checkpoint()
        print("durable", journal.append("OrderIntent", b"intent %d" % i, i, durable=True), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
