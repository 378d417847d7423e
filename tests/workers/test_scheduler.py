"""The sweep: it rings for what is due, and only as long as somebody hears it."""

from collections.abc import Iterator
from uuid import UUID, uuid4

import pytest
import redis

from crm.contacts.actions import Person, match_or_create
from crm.core.principal import SYSTEM
from crm.core.runtime import Runtime
from crm.messaging.actions import OutboundText, add_sender, queue_texts
from crm.seed import SENDER
from tests.fakes.valkey import ValkeyServer
from workers import broker
from workers.doorbell import Doorbell
from workers.scheduler import sweep

SLOTS = 4


@pytest.fixture(scope="module")
def shared_valkey() -> Iterator[ValkeyServer]:
    with ValkeyServer() as server:
        yield server


@pytest.fixture
def valkey(shared_valkey: ValkeyServer) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(shared_valkey.url) as client:
        client.flushall()
        yield client


@pytest.fixture
def doorbell(shared_valkey: ValkeyServer, valkey: redis.Redis) -> Iterator[Doorbell]:
    made = Doorbell(shared_valkey.url)
    yield made
    made.close()


def queue_many(runtime: Runtime, clinic: UUID, count: int) -> None:
    """Queue texts, due now, and let their rings be lost."""
    with runtime.database.transaction(clinic, SYSTEM) as uow:
        add_sender(uow, "sandbox", SENDER)
        person = Person(name="Robin", phone_e164="+12125550142", email=None, language="en")
        [matched] = match_or_create(uow, [person])
        queue_texts(
            uow,
            [
                OutboundText(
                    contact_id=matched.contact_id,
                    message_class="care",
                    origin_kind="campaign",
                    origin_id=uuid4(),
                    dedupe_key=str(number),
                    body="See you soon.",
                )
                for number in range(count)
            ],
        )
    runtime.clock.advance(seconds=6)


def waiting(valkey: redis.Redis) -> dict[str, int]:
    return {queue: int(valkey.llen(f"frontdesk:{queue}")) for queue in broker.QUEUES}  # type: ignore[arg-type]


def test_what_is_due_is_rung_for_again_only_once_the_last_ring_was_heard(
    runtime: Runtime, clinic: UUID, valkey: redis.Redis, doorbell: Doorbell
) -> None:
    queue_many(runtime, clinic, 1000)
    due = runtime.work["communications"]
    assert 1000 // due.limit > SLOTS
    assert sweep(runtime, doorbell, slots=SLOTS) == SLOTS
    for heard in range(SLOTS):
        assert sweep(runtime, doorbell, slots=SLOTS) == 0
        assert waiting(valkey) == {"urgent": 0, "default": SLOTS - heard, "bulk": 0}
        valkey.lpop("frontdesk:default")
    assert sweep(runtime, doorbell, slots=SLOTS) == SLOTS
    valkey.flushall()
    assert sweep(runtime, doorbell, slots=SLOTS) == SLOTS


def test_where_nothing_is_due_nothing_is_rung(
    runtime: Runtime, clinic: UUID, valkey: redis.Redis, doorbell: Doorbell
) -> None:
    assert sweep(runtime, doorbell, slots=SLOTS) == 0
    assert waiting(valkey) == {"urgent": 0, "default": 0, "bulk": 0}


def test_neither_other_kinds_nor_rings_with_ids_hold_a_kind_up(
    runtime: Runtime, clinic: UUID, valkey: redis.Redis, doorbell: Doorbell
) -> None:
    queue_many(runtime, clinic, 3)
    doorbell.ring("communications", [uuid4() for _ in range(1000)], "default")
    assert doorbell.ring_due("deliveries", "default", SLOTS) == SLOTS
    assert sweep(runtime, doorbell, slots=SLOTS) == 1
    assert sweep(runtime, doorbell, slots=SLOTS) == 0


def test_a_redis_that_is_gone_hears_nothing_and_costs_no_fault(
    runtime: Runtime, clinic: UUID, shared_valkey: ValkeyServer
) -> None:
    queue_many(runtime, clinic, 3)
    nowhere = Doorbell("unix:///nowhere")
    assert sweep(runtime, nowhere, slots=SLOTS) == 0
    nowhere.close()


def test_a_redis_that_goes_between_two_sweeps_is_not_rung(
    runtime: Runtime, clinic: UUID, doorbell: Doorbell, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue_many(runtime, clinic, 3)
    assert sweep(runtime, doorbell, slots=SLOTS) == 1

    def fails(*_: object) -> None:
        raise redis.ConnectionError

    monkeypatch.setattr(doorbell._broker.client, "lpos", fails)
    assert sweep(runtime, doorbell, slots=SLOTS) == 0


def test_rings_that_nobody_hears_fill_a_queue_only_so_far(
    valkey: redis.Redis, doorbell: Doorbell
) -> None:
    valkey.rpush("frontdesk:default", *range(broker.MOST_WAITING - 2))
    for _ in range(5):
        doorbell.ring("deliveries", [uuid4()], "default")
        doorbell.ring("deliveries", [uuid4()], "urgent")
    assert waiting(valkey) == {"urgent": 5, "default": broker.MOST_WAITING, "bulk": 0}
    assert int(valkey.hlen("frontdesk:default.msgs")) == 2  # type: ignore[arg-type]
    valkey.lpop("frontdesk:default")
    doorbell.ring("deliveries", [uuid4()], "default")
    assert waiting(valkey)["default"] == broker.MOST_WAITING
