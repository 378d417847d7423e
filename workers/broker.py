"""The broker: Dramatiq over Redis, with workers that wait on a doorbell instead of polling.

PostgreSQL is the queue; what travels here are ids, as a hint. Redis may be wiped at any moment:
a lost message costs a few seconds (the sweep rings again), never an item.
"""

import random
from collections.abc import Iterable
from contextlib import suppress
from threading import Event
from typing import Any

import redis
from dramatiq import Message, MessageProxy, Middleware, Worker
from dramatiq.broker import Broker
from dramatiq.brokers.redis import RedisBroker, _RedisConsumer
from dramatiq.errors import ConnectionClosed
from dramatiq.middleware import CurrentMessage, Retries, ShutdownNotifications
from redis.backoff import ExponentialBackoff, NoBackoff
from redis.retry import Retry

QUEUES = ("urgent", "default", "bulk")
RUN_WORK = "run_work"
NAMESPACE = "frontdesk"
MOST_WAITING = 10_000

_SAFETY_NET_S = 5.0
_STOPPING_WAIT_S = 0.05
_COMMAND_TIMEOUT_S = 5.0
_DEAD_MESSAGE_TTL_MS = 3_600_000
_LUA_UNPACK = 1_000
_BELLS_KEPT = 32

# Put before Dramatiq's own script: while nobody works, rings must not fill a Redis that evicts
# nothing. One that is dropped loses nothing: the sweep finds its rows.
_ROOM_LUA = f"""
if ARGV[1] == "enqueue" and redis.call("llen", KEYS[1] .. ":" .. ARGV[3]) >= {MOST_WAITING} then
    return
end
"""

# Appended to Dramatiq's own script, so that a message and its bell are one atomic step and one
# round trip. The bells are trimmed: more of them than waiting processes wake nobody.
_BELL_LUA = f"""
if command == "enqueue" or command == "requeue" then
    local bell = namespace .. ":doorbell:" .. queue_name
    redis.call("rpush", bell, "1")
    redis.call("ltrim", bell, -{_BELLS_KEPT}, -1)
end
"""


class _StopBell(Middleware):
    """Wakes the consumers of a worker that is told to stop."""

    def before_worker_boot(self, broker: Broker, worker: Worker) -> None:
        if isinstance(broker, DoorbellBroker):
            broker.stopping.clear()

    def before_worker_shutdown(self, broker: Broker, worker: Worker) -> None:
        if isinstance(broker, DoorbellBroker):
            broker.wake_own_consumers()


class DoorbellBroker(RedisBroker):
    """Dramatiq's Redis broker whose idle consumers block on a list, and which knows no delays."""

    def __init__(self, redis_url: str, *, client: redis.Redis, **options: Any) -> None:
        super().__init__(client=client, **options)  # type: ignore[no-untyped-call]
        self.redis_url = redis_url
        self.stopping = Event()
        self.consumers: set[DoorbellConsumer] = set()
        stock = bytes(self.scripts["dispatch"].script)  # type: ignore[arg-type]
        self.scripts["dispatch"] = client.register_script(
            _ROOM_LUA.encode() + stock + _BELL_LUA.encode()
        )

    @property
    def consumer_class(self) -> type["DoorbellConsumer"]:
        return DoorbellConsumer

    @property
    def safety_net_s(self) -> float:
        """Seconds after which a consumer looks and beats its heart though no bell rang."""
        return min(_SAFETY_NET_S, float(self.heartbeat_timeout) / 4000)

    def doorbell_keys(self, queue_name: str) -> tuple[str, str]:
        """The list only this process waits on, and the one all processes of the queue share."""
        shared = f"{self.namespace}:doorbell:{queue_name}"
        return f"{shared}:{self.broker_id}", shared

    def declare_queue(self, queue_name: str) -> None:
        """Declare a queue, without the delay queue that Dramatiq would poll beside it."""
        if queue_name not in self.queues:
            self.emit_before("declare_queue", queue_name)
            self.queues.add(queue_name)
            self.emit_after("declare_queue", queue_name)

    def enqueue(self, message: Message[Any], *, delay: int | None = None) -> Message[Any]:
        """Enqueue a message and ring; raises ValueError for a delay, since waits are rows."""
        if delay is not None:
            raise ValueError("A wait is a row with a due_at, never a delayed message.")
        return super().enqueue(message)

    def wake_own_consumers(self) -> None:
        """Make every consumer of this process return from its wait at once."""
        self.stopping.set()
        for consumer in tuple(self.consumers):
            consumer.has_room.set()
        with suppress(redis.RedisError):
            pipe = self.client.pipeline(transaction=False)
            for queue_name in self.queues:
                own, _ = self.doorbell_keys(queue_name)
                pipe.rpush(own, "stop")
                pipe.expire(own, 60)
            pipe.execute()

    def close(self) -> None:
        """Close the connections of this broker."""
        self.client.close()

    def _max_unpack_size(self) -> int:
        # A constant instead of Dramatiq's probing script: a ring must be a single round trip.
        return _LUA_UNPACK


class DoorbellConsumer(_RedisConsumer):
    """A consumer that waits for the doorbell where Dramatiq's sleeps between empty polls."""

    def __init__(
        self, broker: DoorbellBroker, queue_name: str, prefetch: int, timeout: int
    ) -> None:
        # Time-out 0: the stock backoff never sleeps.
        super().__init__(broker, queue_name, prefetch, 0)  # type: ignore[no-untyped-call]
        self.broker: DoorbellBroker = broker
        self.has_room = Event()
        broker.consumers.add(self)
        # Its own connection: it is blocked most of the time, and must not time out before its wait.
        self.bell = redis.Redis.from_url(
            broker.redis_url,
            max_connections=1,
            socket_timeout=_SAFETY_NET_S * 2,
            socket_connect_timeout=_COMMAND_TIMEOUT_S,
            retry=Retry(NoBackoff(), 0),
        )

    def __next__(self) -> MessageProxy | None:
        try:
            if self.broker.stopping.is_set():
                self._idle_while_stopping()
                return None
            message: MessageProxy | None = super().__next__()  # type: ignore[no-untyped-call]
            if message is None:
                self._wait()
            return message
        except (redis.ConnectionError, redis.TimeoutError) as error:
            raise ConnectionClosed(error) from None  # type: ignore[no-untyped-call]

    def ack(self, message: MessageProxy) -> None:
        """Acknowledge a message; a dead Redis does not hold the worker's thread."""
        # The work is settled in PostgreSQL: an ack that is lost costs one idle run of the actor,
        # while Dramatiq's own answer (retry every 5 s) would keep the thread from other work.
        self._settle(super().ack, message)

    def nack(self, message: MessageProxy) -> None:
        """Reject a message; a dead Redis does not hold the worker's thread."""
        self._settle(super().nack, message)

    def requeue(self, messages: Iterable[MessageProxy | Message[Any]]) -> None:
        """Give messages back to the queue; with a dead Redis the sweep finds their rows again."""
        with suppress(redis.RedisError):
            super().requeue(messages)  # type: ignore[no-untyped-call]

    def close(self) -> None:
        """Give back what was fetched and not handed on, and close the blocking connection."""
        fetched, self.message_cache = self.message_cache, []
        self.requeue([Message.decode(data) for data in fetched if data is not None])
        self.broker.consumers.discard(self)
        self.bell.close()

    def _settle(self, settle: Any, message: MessageProxy) -> None:
        try:
            settle(message)
        except (ConnectionClosed, redis.RedisError) as error:
            self.logger.warning("Redis did not take an ack: %s.", type(error).__name__)
        finally:
            self.has_room.set()

    def _wait(self) -> None:
        net = self.broker.safety_net_s * random.uniform(0.6, 1.0)
        self.has_room.clear()
        if self.broker.stopping.is_set():
            return
        if self.outstanding_message_count >= self.prefetch:
            # Full: a bell is for whoever has room. Only beat the heart until one is done.
            self._beat()
            self.has_room.wait(net)
        else:
            self.bell.blpop(self.broker.doorbell_keys(self.queue_name), timeout=net)

    def _idle_while_stopping(self) -> None:
        # Running actors are finishing: keep the heart beating, and take nothing new.
        self._beat()
        self.has_room.clear()
        self.has_room.wait(_STOPPING_WAIT_S)

    def _beat(self) -> None:
        self.broker.do_fetch(self.queue_name, 0)


def build_broker(
    redis_url: str, *, heartbeat_ms: int = 15_000, namespace: str = NAMESPACE
) -> DoorbellBroker:
    """The worker's broker on a redis:// or unix:// URL; a dead worker's messages return after
    `heartbeat_ms` milliseconds."""
    client = redis.Redis.from_url(
        redis_url,
        socket_timeout=_COMMAND_TIMEOUT_S,
        socket_connect_timeout=_COMMAND_TIMEOUT_S,
        retry=Retry(ExponentialBackoff(cap=0.2, base=0.02), 2),
    )
    broker = DoorbellBroker(
        redis_url,
        client=client,
        namespace=namespace,
        heartbeat_timeout=heartbeat_ms,
        maintenance_chance=1_000_000,  # each fetch; by luck alone recovery took 104 s
        dead_message_ttl=_DEAD_MESSAGE_TTL_MS,
        middleware=[
            ShutdownNotifications(),
            Retries(max_retries=0),
            CurrentMessage(),
            _StopBell(),
        ],
    )
    for queue_name in QUEUES:
        broker.declare_queue(queue_name)
    return broker
