"""What the served broker must not forget, in one SQLite file: each change is on the disk before its answer leaves.

One writer; whoever checks the broker's books reads the same file with `read_books`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

import msgspec

from minhos.errors import VenueError
from minhos.testing.broker.orders import Holding, ServedFill, ServedOrder

_SCHEMA = """
CREATE TABLE IF NOT EXISTS books (id INTEGER PRIMARY KEY CHECK (id = 1), payload BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS orders (key TEXT PRIMARY KEY, payload BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS fills (execution_id TEXT PRIMARY KEY, payload BLOB NOT NULL);
"""


class Books(msgspec.Struct):
    """Everything beside orders and fills.  holdings: by account, then symbol.  matching: the engine's snapshot."""

    last_id: int = 1_000
    time_ns: int = 0
    prices: dict[str, int] = {}
    holdings: dict[str, dict[str, Holding]] = {}
    cash_cents: dict[str, int] = {}
    matching: bytes = b""


class BrokerState(msgspec.Struct, frozen=True):
    """The books, every order by key, oldest first, and every fill."""

    books: Books
    orders: dict[str, ServedOrder]
    fills: list[ServedFill]

    def position(self, account: str, symbol: str) -> int:
        """Signed contracts."""
        return self.books.holdings.get(account, {}).get(symbol, Holding()).contracts


class Store(Protocol):
    """Where a broker keeps its books."""

    def load(self) -> BrokerState:
        """All that was saved."""

    def save(self, books: Books, orders: Iterable[ServedOrder], fills: Iterable[ServedFill]) -> None:
        """Keep the books and what changed, all of it or nothing."""

    def close(self) -> None: ...


class MemoryStore:
    """Nothing outlives the broker: its books are empty at the start, and keeping them costs nothing."""

    def load(self) -> BrokerState:
        return BrokerState(Books(), {}, [])

    def save(self, books: Books, orders: Iterable[ServedOrder], fills: Iterable[ServedFill]) -> None:
        return

    def close(self) -> None:
        return


class BrokerStore:
    """The file, written by one process."""

    def __init__(self, path: Path) -> None:
        """Raises VenueError for a file that cannot be opened or is no such store."""
        self._path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(path, isolation_level=None)
            self._connection.execute("PRAGMA journal_mode=WAL")
            self._connection.execute("PRAGMA synchronous=FULL")
            self._connection.executescript(_SCHEMA)
        except (sqlite3.Error, OSError) as error:
            raise VenueError(f"The broker's state {path} cannot be opened ({error}); name another file.") from error

    def load(self) -> BrokerState:
        """All that was saved; a fresh file gives empty books."""
        return _load(self._connection, self._path)

    def save(self, books: Books, orders: Iterable[ServedOrder], fills: Iterable[ServedFill]) -> None:
        """Put the books and what changed on the disk, all of it or nothing."""
        encode = msgspec.msgpack.encode
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            self._connection.execute("INSERT OR REPLACE INTO books VALUES (1, ?)", (encode(books),))
            self._connection.executemany(
                "INSERT OR REPLACE INTO orders VALUES (?, ?)", [(order.key, encode(order)) for order in orders]
            )
            self._connection.executemany(
                "INSERT INTO fills VALUES (?, ?)", [(fill.execution_id, encode(fill)) for fill in fills]
            )
            self._connection.execute("COMMIT")
        except sqlite3.Error as error:
            raise VenueError(f"The broker's state {self._path} cannot be written ({error}).") from error

    def close(self) -> None:
        """Close the file."""
        self._connection.close()


def read_books(path: Path) -> BrokerState:
    """The broker's own books, read beside a running broker or after it was killed."""
    if not path.exists():
        raise VenueError(f"There is no broker's state at {path}.")
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        return _load(connection, path)
    finally:
        connection.close()


def _load(connection: sqlite3.Connection, path: Path) -> BrokerState:
    decode = msgspec.msgpack.decode
    try:
        connection.execute("BEGIN")  # one moment for all three tables
        row = connection.execute("SELECT payload FROM books").fetchone()
        orders = [
            decode(payload, type=ServedOrder)
            for (payload,) in connection.execute("SELECT payload FROM orders ORDER BY CAST(key AS INTEGER)")
        ]
        fills = [
            decode(payload, type=ServedFill)
            for (payload,) in connection.execute("SELECT payload FROM fills ORDER BY CAST(execution_id AS INTEGER)")
        ]
        connection.execute("COMMIT")
        books = decode(row[0], type=Books) if row else Books()
    except (sqlite3.Error, msgspec.MsgspecError) as error:
        raise VenueError(f"The broker's state {path} cannot be read ({error}); name another file.") from error
    return BrokerState(books, {order.key: order for order in orders}, fills)
