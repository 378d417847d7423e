"""Clients that repeat each appointment request with its key until it is answered with 202."""

import json
from collections.abc import Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from threading import Event
from time import monotonic

THREADS = 8
PAUSE_SECONDS = 0.05
GIVE_UP_SECONDS = 120
TIMEOUT_SECONDS = 15


@dataclass(frozen=True)
class Person:
    """Somebody who asks for an appointment: by number, since that makes name, phone and key."""

    number: int

    @property
    def phone(self) -> str:
        """The phone in E.164, another one for each number."""
        return f"+1212{2_000_000 + self.number}"

    @property
    def email(self) -> str:
        """The email address, another one for each number."""
        return f"pat.{self.number}@patients.example"

    @property
    def key(self) -> str:
        """The idempotency key of the one request of this person."""
        return f"request-{self.number}"

    @property
    def body(self) -> bytes:
        """The request as JSON."""
        told = {"name": f"Pat {self.number}", "phone": self.phone, "email": self.email}
        return json.dumps({**told, "consent": {"sms_care": True}}).encode()


@dataclass(frozen=True)
class Answer:
    """What a client has in the end, and how often it asked until then."""

    person: Person
    request_id: str
    lead_id: str
    attempts: int


class Refused(AssertionError):
    """The product gave an answer that a client cannot repeat away."""


class Clients:
    """A few threads that send requests, not faster than a given rate; a context manager."""

    def __init__(self, port: int, api_key: str) -> None:
        self.port = port
        self.api_key = api_key
        self._stopping = Event()
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="client")

    def __enter__(self) -> "Clients":
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._threads.shutdown(cancel_futures=True)

    def send(self, people: Iterable[Person], *, per_second: float) -> list["Future[Answer]"]:
        """Send the requests of these people over time, and return what becomes of each."""
        begun = monotonic()
        return [
            self._threads.submit(self._send, person, begun + place / per_second)
            for place, person in enumerate(people)
        ]

    def _send(self, person: Person, at: float) -> Answer:
        self._stopping.wait(max(0.0, at - monotonic()))
        deadline = monotonic() + GIVE_UP_SECONDS
        attempts = 0
        while monotonic() < deadline and not self._stopping.is_set():
            attempts += 1
            status, body = self._post(person)
            if status == 202:
                return Answer(person, body["request_id"], body["lead_id"], attempts)
            if 400 <= status < 500 and status != 429:
                raise Refused(f"{person.key}: {status} {body}")
            self._stopping.wait(PAUSE_SECONDS)
        raise AssertionError(f"{person.key} got no 202 in {attempts} attempts")

    def get(self, path: str) -> int:
        """Return the status of a page, 0 without an answer."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=TIMEOUT_SECONDS)
        try:
            connection.request("GET", path)
            return connection.getresponse().status
        except (OSError, HTTPException):
            return 0
        finally:
            connection.close()

    def _post(self, person: Person) -> tuple[int, dict[str, str]]:
        """Send once; return (status, answer), (0, {}) where the connection broke."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=TIMEOUT_SECONDS)
        headers = {
            "Authorization": f"Bearer {self.api_key}",
            "Content-Type": "application/json",
            "Idempotency-Key": person.key,
        }
        try:
            connection.request("POST", "/api/v1/appointment-requests", person.body, headers)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read() or b"{}")
        except (OSError, HTTPException, ValueError):
            return 0, {}
        finally:
            connection.close()


def answers_of(sent: Sequence["Future[Answer]"]) -> list[Answer]:
    """Wait for all; raises what stopped a client."""
    return [future.result(GIVE_UP_SECONDS * 3) for future in sent]
