"""What the provider stand-in was asked: an append-only file, written before it answers."""

import json
import os
import re
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote_plus

_ATTEMPT = re.compile(r"[?&]a=([^&#]*)")


class Asked(NamedTuple):
    """One request to send a text or email: who, what, when it began and was read, how it ended.

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
    channel: str = "sms"

    @property
    def is_accepted(self) -> bool:
        """Whether the provider took it on, whatever it answered."""
        return self.sid is not None


class CalledBack(NamedTuple):
    """One attempt to deliver a status callback; `answer` is the HTTP status, or 0 for none."""

    sid: str
    status: str
    answer: int


class Ledger:
    """The file of one stand-in, and its content in memory; outlives a killed process.

    One line a fact, in one write each: `["asked", …]`, `["status", sid, status]`, `["called", …]`.
    """

    def __init__(self, path: Path) -> None:
        self.asked: list[Asked] = []
        self.called: list[CalledBack] = []
        self._by_sid: dict[str, int] = {}
        self._by_to: defaultdict[str, list[int]] = defaultdict(list)
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        # What a killed process left half written was never answered: it does not count.
        for line in path.read_bytes().split(b"\n")[:-1]:
            kind, *values = json.loads(line)
            self._apply(kind, values)

    def record(self, asked: Asked) -> None:
        """Keep one request."""
        self._append("asked", *asked)

    def set_status(self, sid: str, status: str) -> None:
        """Move a text to its next status."""
        self._append("status", sid, status)

    def record_callback(self, called: CalledBack) -> None:
        """Keep one attempt of a callback."""
        self._append("called", *called)

    def find(self, account_sid: str, sid: str) -> Asked | None:
        """Return the accepted text with this sid."""
        place = self._by_sid.get(sid)
        found = self.asked[place] if place is not None else None
        return found if found is not None and found.account_sid == account_sid else None

    def search(
        self, account_sid: str, to: str, sender: str, since: float, before: float
    ) -> list[Asked]:
        """Return an account's accepted texts of a period [since, before), newest first."""
        places = self._by_to[to] if to else range(len(self.asked))
        return [
            asked
            for asked in (self.asked[place] for place in reversed(places))
            if asked.is_accepted
            and asked.account_sid == account_sid
            and (not sender or asked.sender == sender)
            and since <= asked.received_at < before
        ]

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)

    def _append(self, kind: str, *values: object) -> None:
        os.write(self._file, json.dumps([kind, *values]).encode() + b"\n")
        self._apply(kind, values)

    def _apply(self, kind: str, values: Sequence[Any]) -> None:
        if kind == "asked":
            asked = Asked(*values)
            if asked.sid is not None:
                self._by_sid[asked.sid] = len(self.asked)
            self._by_to[asked.to].append(len(self.asked))
            self.asked.append(asked)
        elif kind == "status":
            sid, status = values
            place = self._by_sid[sid]
            self.asked[place] = self.asked[place]._replace(status=status)
        else:
            self.called.append(CalledBack(*values))


def read_ledger(path: Path) -> Ledger:
    """Return what is in a ledger's file now; its stand-in may be running."""
    ledger = Ledger(path)
    ledger.close()
    return ledger


def attempt_of(status_callback: str) -> str:
    """Return the attempt id that a StatusCallback address carries (TW-24), or an empty text."""
    found = _ATTEMPT.search(status_callback)
    return unquote_plus(found[1]) if found else ""
