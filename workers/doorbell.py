"""The doorbell: how whoever wrote rows tells idle workers and open pages, and never waits."""

import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from uuid import UUID

import redis
from dramatiq import Message
from dramatiq.logging import get_logger
from redis.backoff import NoBackoff
from redis.retry import Retry

from crm.core.news import CHANNEL, Announcement
from workers.broker import NAMESPACE, RUN_WORK, DoorbellBroker

RING_TIMEOUT_S = 0.1
RING_CHUNK = 100
BREAKER_S = 1.0


class Doorbell:
    """Tells that rows are due, or changed: hints that may be lost and never hurt their caller."""

    def __init__(
        self, redis_url: str, *, namespace: str = NAMESPACE, client: redis.Redis | None = None
    ) -> None:
        self._logger = get_logger(__name__, type(self))  # type: ignore[no-untyped-call]
        self._closed_until = 0.0
        self._last: dict[tuple[str, str], str] = {}
        self._untold: set[UUID] = set()
        self._retelling: threading.Timer | None = None
        self._is_closed = False
        self._lock = threading.Lock()
        self._broker = DoorbellBroker(
            redis_url,
            client=client or _ringing_client(redis_url),
            namespace=namespace,
            middleware=[],
            maintenance_chance=0,
        )

    def ring(self, kind: str, ids: Sequence[UUID], queue: str) -> None:
        """Send the ids of due work to a queue; never raises, gives up after about 0.1 s.

        Without ids the worker claims whatever is due of this kind.
        """
        self._send([(queue, kind, chunk) for chunk in _chunks(ids)])

    def ring_due(self, kind: str, queue: str, times: int) -> int:
        """Let workers claim whatever is due of a kind, and return how often it rang, up to `times`.

        While the last such ring waits to be heard there is no other: whoever is to hear it is busy,
        or away. Other kinds, and rings with ids, neither hold this up nor are held up by it.
        """
        if not times or self._still_waits(queue, self._last.get((kind, queue))):
            return 0
        sent = self._send([(queue, kind, [])] * times)
        if sent:
            self._last[kind, queue] = sent[-1]
        return len(sent)

    def tell(self, announcement: Announcement) -> None:
        """Tell the open pages of a clinic what was committed; never raises, waits about 0.1 s.

        What Redis does not take is made up for once it is back: its clinics read everything again.
        """
        if not self._publish(announcement):
            self._retell_later({announcement.clinic_id})

    def _publish(self, announcement: Announcement) -> bool:
        if time.monotonic() < self._closed_until:
            return False
        try:
            self._broker.client.publish(CHANNEL, announcement.encode())
        except Exception as error:  # As with a ring.
            self._close_for_a_while(error)
            return False
        return True

    def _retell_later(self, clinic_ids: set[UUID]) -> None:
        with self._lock:
            self._untold |= clinic_ids
            if self._untold and self._retelling is None and not self._is_closed:
                timer = threading.Timer(BREAKER_S, self._retell)
                timer.daemon = True
                with suppress(
                    RuntimeError
                ):  # No thread to be had: the next one to tell tries again.
                    timer.start()
                    self._retelling = timer

    def _retell(self) -> None:
        with self._lock:
            self._retelling, clinic_ids, self._untold = None, self._untold, set()
        everything = (Announcement(clinic_id, None) for clinic_id in clinic_ids)
        self._retell_later({each.clinic_id for each in everything if not self._publish(each)})

    def _still_waits(self, queue: str, message_id: str | None) -> bool:
        """Whether a ring is in its queue; as far as is known, where Redis does not say."""
        if message_id is None or time.monotonic() < self._closed_until:
            return False
        try:
            place = self._broker.client.lpos(f"{self._broker.namespace}:{queue}", message_id)
        except redis.RedisError as error:
            self._close_for_a_while(error)
            return True
        return place is not None

    def _send(self, rings: Sequence[tuple[str, str, list[str]]]) -> list[str]:
        """Enqueue messages and return the ids of those that Redis took."""
        started = time.monotonic()
        sent: list[str] = []
        if started < self._closed_until:
            return sent
        try:
            for queue, kind, chunk in rings:
                message: Message[None] = self._broker.enqueue(
                    Message(queue, RUN_WORK, args=(kind, chunk), kwargs={}, options={})
                )
                sent.append(message.options["redis_message_id"])
                if time.monotonic() - started > RING_TIMEOUT_S:
                    break  # The sweep rings for the rest.
        except Exception as error:  # A ring is a hint: whatever fails here must not fail a request.
            self._close_for_a_while(error)
        return sent

    def _close_for_a_while(self, error: Exception) -> None:
        self._closed_until = time.monotonic() + BREAKER_S
        self._logger.warning("Redis did not take a hint: %s.", type(error).__name__)

    def close(self) -> None:
        """Close the connections."""
        with self._lock:
            self._is_closed = True
            if self._retelling is not None:
                self._retelling.cancel()
        self._broker.close()


def _ringing_client(redis_url: str) -> redis.Redis:
    # RESP 2 without driver info connects without a handshake: nothing to wait for but the ring.
    return redis.Redis.from_url(
        redis_url,
        socket_timeout=RING_TIMEOUT_S,
        socket_connect_timeout=RING_TIMEOUT_S,
        retry=Retry(NoBackoff(), 0),
        protocol=2,
        driver_info=None,
    )


def _chunks(ids: Sequence[UUID]) -> list[list[str]]:
    texts = [str(value) for value in ids]
    return [texts[at : at + RING_CHUNK] for at in range(0, len(texts), RING_CHUNK)] or [[]]
