"""The stream of a live page as a browser holds it open."""

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from queue import Empty, Queue
from threading import Thread
from typing import Any
from urllib.parse import urlencode

import httpx2

OPENED = "opened"
CLOSED = "closed"
SOON = 20.0


@dataclass
class HeardStream:
    """What a stream told so far, in the order in which it came; pings are left out."""

    told: "Queue[dict[str, Any] | str]" = field(default_factory=Queue)
    heard: list[dict[str, Any]] = field(default_factory=list)

    def next(self, seconds: float = SOON) -> dict[str, Any] | str:
        """Return the next thing told: a message, `opened` or `closed`."""
        message = self.told.get(timeout=seconds)
        if isinstance(message, dict):
            self.heard.append(message)
        return message

    def until(self, topic: str, id: str = "") -> dict[str, Any]:
        """Return the first message from here on that tells of a topic, and of an id in it."""
        while True:
            message = self.next()
            assert isinstance(message, dict), f"the stream {message}"
            changed = message.get("changed", {})
            if topic in changed and (not id or id in changed[topic]):
                return message

    def rest(self) -> list[dict[str, Any] | str]:
        """Return what was told and not asked for yet."""
        found = []
        try:
            while True:
                found.append(self.told.get_nowait())
        except Empty:
            return found


@contextmanager
def listening(
    base_url: str, cookie: str, *topics: str, **params: str | float
) -> Iterator[HeardStream]:
    """Hold a stream open while the block runs; it is open when the block begins."""
    stream = HeardStream()
    query = urlencode({"topics": ",".join(topics), **params})
    with httpx2.Client(timeout=60) as client:
        url, headers = f"{base_url}/events?{query}", {"Cookie": cookie}
        with client.stream("GET", url, headers=headers) as answer:
            assert answer.status_code == 200, answer.status_code
            assert answer.headers["content-type"].startswith("text/event-stream")
            reader = Thread(target=_read, args=(answer, stream.told))
            reader.start()
            assert stream.next() == OPENED
            try:
                yield stream
            finally:
                _hang_up(answer)
                reader.join(SOON)
    assert not reader.is_alive()


def _hang_up(answer: httpx2.Response) -> None:
    """Close the socket under the reader, as a browser does that leaves the page."""
    network = answer.extensions["network_stream"]
    with suppress(OSError):  # The other side may have hung up first.
        network.get_extra_info("socket").shutdown(2)


def _read(answer: httpx2.Response, told: "Queue[dict[str, Any] | str]") -> None:
    is_first = True
    try:
        for line in answer.iter_lines():
            if line.startswith("data: "):
                message = json.loads(line.removeprefix("data: "))
                if is_first:
                    told.put(OPENED)
                elif message:
                    told.put(message)
                is_first = False
    except httpx2.TransportError:
        pass  # Hung up, on one side or the other.
    told.put(CLOSED)
