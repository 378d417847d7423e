"""What the provider stand-in was asked, kept in SQLite before it answers."""

import sqlite3
from collections.abc import Iterable
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from urllib.parse import parse_qs, urlsplit


@dataclass(frozen=True)
class Asked:
    """One request to send a text: who, what, when it began and was read, how it ended.

    `begun_ns` and `received_ns` are the machine's monotonic clock, `*_at` seconds since 1970.
    """

    sid: str | None
    account_sid: str
    to: str
    sender: str
    service_sid: str
    body: str
    status_callback: str
    attempt_id: str
    outcome: str
    status: str
    begun_ns: int
    begun_at: float
    received_ns: int
    received_at: float

    @property
    def is_accepted(self) -> bool:
        """Whether the provider took the text on, whatever it answered."""
        return self.sid is not None


@dataclass(frozen=True)
class CalledBack:
    """One attempt to deliver a status callback; `answer` is the HTTP status, or 0 for none."""

    sid: str
    status: str
    answer: int


_COLUMNS = [field.name for field in fields(Asked)]
_NAMES = ", ".join(f'"{name}"' for name in _COLUMNS)
_SCHEMA = f"""
CREATE TABLE IF NOT EXISTS asked (seq INTEGER PRIMARY KEY, {_NAMES});
CREATE UNIQUE INDEX IF NOT EXISTS asked_sid ON asked (sid);
CREATE INDEX IF NOT EXISTS asked_to ON asked ("to");
CREATE TABLE IF NOT EXISTS called_back (seq INTEGER PRIMARY KEY, sid, status, answer);
"""
_INSERT = f"INSERT INTO asked ({_NAMES}) VALUES ({', '.join('?' * len(_COLUMNS))})"


class Ledger:
    """The stand-in's own record; each write is on file, and outlives a killed process."""

    def __init__(self, path: Path) -> None:
        self._db = sqlite3.connect(path, isolation_level=None)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=NORMAL")
        self._db.executescript(_SCHEMA)

    def record(self, asked: Asked) -> None:
        """Keep one request."""
        self._db.execute(_INSERT, astuple(asked))

    def set_status(self, sid: str, status: str) -> None:
        """Move a text to its next status."""
        self._db.execute("UPDATE asked SET status = ? WHERE sid = ?", (status, sid))

    def record_callback(self, called: CalledBack) -> None:
        """Keep one attempt of a callback."""
        self._db.execute(
            "INSERT INTO called_back (sid, status, answer) VALUES (?, ?, ?)", astuple(called)
        )

    def find(self, account_sid: str, sid: str) -> Asked | None:
        """Return the accepted text with this sid."""
        found = self._select("WHERE account_sid = ? AND sid = ?", (account_sid, sid))
        return next(iter(found), None)

    def search(
        self, account_sid: str, to: str, sender: str, since: float, before: float
    ) -> list[Asked]:
        """Return the accepted texts of a period [since, before), newest first."""
        where, values = "WHERE sid IS NOT NULL AND account_sid = ?", [account_sid]
        for column, value in (('"to"', to), ("sender", sender)):
            if value:
                where += f" AND {column} = ?"
                values.append(value)
        where += " AND received_at >= ? AND received_at < ? ORDER BY seq DESC"
        return self._select(where, (*values, since, before))

    def all_asked(self) -> list[Asked]:
        """Return every request, in the order it was recorded."""
        return self._select("ORDER BY seq", ())

    def all_callbacks(self) -> list[CalledBack]:
        """Return every callback attempt, in the order it ended."""
        rows = self._db.execute("SELECT sid, status, answer FROM called_back ORDER BY seq")
        return [CalledBack(*row) for row in rows]

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def _select(self, where: str, values: Iterable[object]) -> list[Asked]:
        rows = self._db.execute(f"SELECT {_NAMES} FROM asked {where}", tuple(values))
        return [Asked(*row) for row in rows]


def attempt_of(status_callback: str) -> str:
    """Return the attempt id that a StatusCallback address carries (TW-24), or an empty text."""
    return parse_qs(urlsplit(status_callback).query).get("a", [""])[0]
