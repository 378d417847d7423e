"""The doorbell: how whoever wrote rows tells idle workers and open pages, and never waits."""

import time
from collections.abc import Sequence
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
        """Tell the open pages of a clinic what was committed; never raises, waits about 0.1 s."""
        if time.monotonic() < self._closed_until:
            return
        try:
            self._broker.client.publish(CHANNEL, announcement.encode())
        except Exception as error:  # As with a ring.
            self._close_for_a_while(error)

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
