"""The broker on a real Valkey: it delivers, survives, stops; a ring never hurts its caller."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID, uuid4

import dramatiq
import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from tests.fakes.valkey import ValkeyServer
from tests.fakes.waiting import until
from workers.broker import QUEUES, DoorbellBroker, build_broker
from workers.doorbell import Doorbell

Heard = list[tuple[str, list[str]]]


@pytest.fixture(scope="module")
def shared_valkey() -> Iterator[ValkeyServer]:
    with ValkeyServer() as server:
        yield server


@pytest.fixture
def valkey(shared_valkey: ValkeyServer) -> ValkeyServer:
    with redis.Redis.from_url(shared_valkey.url) as client:
        client.flushall()
    return shared_valkey


@contextmanager
def listening(
    url: str, *, heartbeat_ms: int = 15_000, run: Callable[[str], None] = lambda kind: None
) -> Iterator[tuple[DoorbellBroker, dramatiq.Worker, Heard]]:
    """A worker whose actor runs `run(kind)` and notes what it was told."""
    broker = build_broker(url, heartbeat_ms=heartbeat_ms)
    heard: Heard = []

    @dramatiq.actor(broker=broker, actor_name="run_work", queue_name="default")
    def run_work(kind: str, ids: list[str]) -> None:
        run(kind)
        heard.append((kind, ids))

    worker = dramatiq.Worker(broker, worker_threads=2, worker_timeout=100)
    worker.start()
    try:
        yield broker, worker, heard
    finally:
        worker.stop()
        broker.close()


@contextmanager
def bell(url: str) -> Iterator[Doorbell]:
    doorbell = Doorbell(url)
    try:
        yield doorbell
    finally:
        doorbell.close()


def waiting_consumers(url: str) -> int:
    with redis.Redis.from_url(url) as client:
        return int(client.info("clients")["blocked_clients"])


@pytest.mark.parametrize("queue", QUEUES)
def test_a_ring_reaches_the_actor_on_each_queue(valkey: ValkeyServer, queue: str) -> None:
    ids = [uuid4(), uuid4()]
    with listening(valkey.url) as (_, _, heard), bell(valkey.url) as doorbell:
        until(lambda: waiting_consumers(valkey.url) == len(QUEUES))
        doorbell.ring("deliveries", ids, queue)
        until(lambda: bool(heard))
    assert heard == [("deliveries", [str(ids[0]), str(ids[1])])]


def test_a_ring_without_ids_asks_for_whatever_is_due(valkey: ValkeyServer) -> None:
    with listening(valkey.url) as (_, _, heard), bell(valkey.url) as doorbell:
        assert doorbell.ring_due("enrollments", "default", 1) == 1
        until(lambda: bool(heard))
    assert heard == [("enrollments", [])]


def test_many_ids_travel_in_chunks(valkey: ValkeyServer) -> None:
    ids = [UUID(int=number) for number in range(250)]
    with listening(valkey.url) as (_, _, heard), bell(valkey.url) as doorbell:
        doorbell.ring("deliveries", ids, "bulk")
        until(lambda: sum(len(chunk) for _, chunk in heard) == 250)
    assert sorted(len(chunk) for _, chunk in heard) == [50, 100, 100]


def test_it_works_over_tcp_too() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with ValkeyServer() as server:
        with redis.Redis.from_url(server.url) as client:
            client.config_set("port", port)
        url = f"redis://127.0.0.1:{port}/0"
        with listening(url) as (_, _, heard), bell(url) as doorbell:
            doorbell.ring("deliveries", [uuid4()], "urgent")
            until(lambda: len(heard) == 1)


def test_an_idle_consumer_waits_and_does_not_poll(valkey: ValkeyServer) -> None:
    with listening(valkey.url), redis.Redis.from_url(valkey.url) as client:
        until(lambda: waiting_consumers(valkey.url) == len(QUEUES))
        blocked = [each for each in client.client_list() if "b" in each["flags"]]
        assert {each["cmd"] for each in blocked} == {"blpop"}


def test_flushall_between_two_rings_loses_nothing_later(valkey: ValkeyServer) -> None:
    with listening(valkey.url) as (_, _, heard), bell(valkey.url) as doorbell:
        doorbell.ring("deliveries", [uuid4()], "default")
        until(lambda: len(heard) == 1)
        with redis.Redis.from_url(valkey.url) as client:
            client.flushall()
            client.script_flush()
        doorbell.ring("enrollments", [uuid4()], "default")
        until(lambda: len(heard) == 2)
    assert heard[1][0] == "enrollments"


def test_bells_without_listeners_do_not_pile_up(valkey: ValkeyServer) -> None:
    with bell(valkey.url) as doorbell, redis.Redis.from_url(valkey.url) as client:
        for _ in range(100):
            doorbell.ring("deliveries", [uuid4()], "bulk")
        assert client.llen("frontdesk:doorbell:bulk") == 32
        assert client.llen("frontdesk:bulk") == 100


def test_a_worker_goes_on_after_redis_was_restarted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dramatiq.worker.CONSUMER_RESTART_DELAY_SECS", 0.05)
    with ValkeyServer() as server, listening(server.url) as (_, _, heard):
        until(lambda: waiting_consumers(server.url) == len(QUEUES))
        server.stop()
        server.start()
        with bell(server.url) as doorbell:
            doorbell.ring("deliveries", [uuid4()], "default")
            until(lambda: len(heard) == 1)


def test_a_thread_is_free_again_though_redis_died_under_its_message(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("dramatiq.worker.CONSUMER_RESTART_DELAY_SECS", 0.05)
    running, go_on = threading.Event(), threading.Event()

    def hold(kind: str) -> None:
        running.set()
        assert go_on.wait(20)

    with ValkeyServer() as server, listening(server.url, run=hold) as (_, worker, heard):
        with bell(server.url) as doorbell:
            doorbell.ring("deliveries", [uuid4()], "default")
        assert running.wait(20)
        server.stop()
        go_on.set()
        until(lambda: len(heard) == 1)
        until(lambda: worker.work_queue.unfinished_tasks == 0)


def busy_broker(
    valkey: ValkeyServer, *, heartbeat_ms: int, prefetch: int
) -> tuple[DoorbellBroker, dramatiq.Consumer]:
    """A broker one of whose consumers has fetched a ring and goes no further."""
    broker = build_broker(valkey.url, heartbeat_ms=heartbeat_ms)
    with bell(valkey.url) as doorbell:
        doorbell.ring("deliveries", [uuid4()], "default")
    consumer = broker.consume("default", prefetch=prefetch)
    assert next(consumer) is not None
    return broker, consumer


def test_what_a_dead_worker_had_fetched_comes_back(valkey: ValkeyServer) -> None:
    dead, consumer = busy_broker(valkey, heartbeat_ms=300, prefetch=2)
    with listening(valkey.url, heartbeat_ms=300) as (_, _, heard):
        until(lambda: len(heard) == 1)
    consumer.close()
    dead.close()


def test_a_full_worker_keeps_its_heart_beating(valkey: ValkeyServer) -> None:
    broker, consumer = busy_broker(valkey, heartbeat_ms=200, prefetch=1)
    with redis.Redis.from_url(valkey.url) as client:
        client.delete("frontdesk:__heartbeats__")
        assert next(consumer) is None
        assert client.zscore("frontdesk:__heartbeats__", broker.broker_id) is not None
    consumer.close()
    broker.close()


def test_closing_a_consumer_gives_back_what_it_had_not_handed_on(valkey: ValkeyServer) -> None:
    broker = build_broker(valkey.url)
    with bell(valkey.url) as doorbell, redis.Redis.from_url(valkey.url) as client:
        for _ in range(3):
            doorbell.ring("deliveries", [uuid4()], "default")
        consumer = broker.consume("default", prefetch=3)
        assert next(consumer) is not None
        assert client.llen("frontdesk:default") == 0
        consumer.close()
        assert client.llen("frontdesk:default") == 2
    broker.close()


def test_a_stopped_worker_leaves_no_thread_and_no_waiting_connection(
    valkey: ValkeyServer,
) -> None:
    before = set(threading.enumerate())
    with listening(valkey.url):
        until(lambda: waiting_consumers(valkey.url) == len(QUEUES))
    assert set(threading.enumerate()) == before
    until(lambda: waiting_consumers(valkey.url) == 0)


def test_stopping_wakes_the_consumers_instead_of_waiting_for_the_safety_net(
    valkey: ValkeyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workers.broker._SAFETY_NET_S", 600.0)
    with listening(valkey.url, heartbeat_ms=2_400_000) as (_, worker, _):
        until(lambda: waiting_consumers(valkey.url) == len(QUEUES))
        worker.stop(timeout=20_000)
        assert not any(thread.is_alive() for thread in worker.consumers.values())


def test_a_failing_actor_is_not_run_again(valkey: ValkeyServer) -> None:
    runs: list[str] = []

    def fail(kind: str) -> None:
        runs.append(kind)
        if kind == "broken":
            raise RuntimeError("The row's own attempts count, not the broker's.")

    with listening(valkey.url, run=fail) as (_, _, heard), bell(valkey.url) as doorbell:
        doorbell.ring("broken", [], "default")
        doorbell.ring("sound", [], "default")
        until(lambda: len(heard) == 1)
        with redis.Redis.from_url(valkey.url) as client:
            until(lambda: client.zcard("frontdesk:default.XQ") == 1)
    assert sorted(runs) == ["broken", "sound"]


def test_a_delay_is_refused(valkey: ValkeyServer) -> None:
    with listening(valkey.url) as (broker, _, _), pytest.raises(ValueError, match="due_at"):
        broker.get_actor("run_work").send_with_options(args=("deliveries", []), delay=1000)


def test_a_ring_at_a_dead_redis_returns_and_then_skips(tmp_path: Path) -> None:
    with bell(f"unix://{tmp_path / 'nobody'}") as doorbell:
        doorbell.ring("deliveries", [uuid4()], "default")
        assert doorbell._closed_until > 0


class CountingConnection(redis.UnixDomainSocketConnection):
    """Counts the attempts to connect, and refuses each."""

    attempts = 0

    def _connect(self) -> socket.socket:
        type(self).attempts += 1
        raise OSError("Nobody listens here.")


def test_a_ring_tries_once_and_not_again_while_the_breaker_is_open(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pool = redis.ConnectionPool(
        connection_class=CountingConnection, path="/nowhere", retry=Retry(NoBackoff(), 0)
    )
    doorbell = Doorbell("unix:///nowhere", client=redis.Redis(connection_pool=pool))
    monkeypatch.setattr(CountingConnection, "attempts", 0)
    now = [100.0]
    monkeypatch.setattr("workers.doorbell.time.monotonic", lambda: now[0])
    for _ in range(5):
        doorbell.ring("deliveries", [uuid4()], "default")
    assert CountingConnection.attempts == 1
    now[0] += 1.01
    doorbell.ring("deliveries", [uuid4()], "default")
    assert CountingConnection.attempts == 2
    doorbell.close()


def test_a_ring_at_a_hung_redis_waits_for_one_answer_only(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as hung:
        hung.bind(str(tmp_path / "hung"))
        hung.listen()
        with bell(f"unix://{tmp_path / 'hung'}") as doorbell:
            options = doorbell._broker.client.connection_pool.connection_kwargs
            assert options["socket_timeout"] == options["socket_connect_timeout"] == 0.1
            for _ in range(10):
                doorbell.ring("deliveries", [uuid4()], "default")
            peer, _ = hung.accept()
            # No handshake and no repetition: what was sent is the ring itself, once.
            received = peer.recv(65536)
            peer.close()
            assert received.count(b"EVALSHA") == 1
            assert received.count(b"run_work") == 1
            hung.setblocking(False)
            with pytest.raises(BlockingIOError):
                hung.accept()
