"""Telling open pages never hurts whoever has just committed, whatever becomes of Redis."""

import socket
from pathlib import Path
from uuid import uuid4

import redis

from crm.core.news import CHANNEL, Announcement, News, decode
from tests.fakes.valkey import ValkeyServer
from workers.doorbell import Doorbell

ANNOUNCEMENT = Announcement(uuid4(), (News("lead.created", uuid4()),))


def test_an_announcement_reaches_whoever_subscribes() -> None:
    with ValkeyServer() as server, redis.Redis.from_url(server.url) as client:
        doorbell = Doorbell(server.url)
        with client.pubsub() as pubsub:
            pubsub.subscribe(CHANNEL)
            assert pubsub.get_message(timeout=20)
            doorbell.tell(ANNOUNCEMENT)
            message = pubsub.get_message(timeout=20)
        doorbell.close()
    assert message is not None
    assert decode(message["data"]) == ANNOUNCEMENT


def test_telling_a_dead_redis_returns_and_then_skips(tmp_path: Path) -> None:
    doorbell = Doorbell(f"unix://{tmp_path / 'nobody'}")
    doorbell.tell(ANNOUNCEMENT)
    assert doorbell._closed_until > 0
    doorbell.close()


def test_what_an_absent_redis_missed_is_made_up_for(tmp_path: Path) -> None:
    """Nobody else need commit anything: the pages of the clinic are told by themselves."""
    place = tmp_path / "redis"
    with (
        ValkeyServer() as server,
        redis.Redis.from_url(server.url) as client,
        client.pubsub() as pubsub,
    ):
        pubsub.subscribe(CHANNEL)
        assert pubsub.get_message(timeout=20)
        doorbell = Doorbell(f"unix://{place}")
        doorbell.tell(ANNOUNCEMENT)
        place.symlink_to(server.socket)
        message = pubsub.get_message(timeout=20)
        doorbell.close()
    assert message is not None
    assert decode(message["data"]) == Announcement(ANNOUNCEMENT.clinic_id, None)


def test_a_hung_redis_is_waited_for_once_by_rings_and_announcements_together(
    tmp_path: Path,
) -> None:
    with socket.socket(socket.AF_UNIX) as hung:
        hung.bind(str(tmp_path / "hung"))
        hung.listen()
        doorbell = Doorbell(f"unix://{tmp_path / 'hung'}")
        doorbell.ring("deliveries", [uuid4()], "default")
        for _ in range(5):
            doorbell.tell(ANNOUNCEMENT)
        peer, _ = hung.accept()
        received = peer.recv(65536)
        peer.close()
        assert b"PUBLISH" not in received
        hung.setblocking(False)
        doorbell.close()
    assert received.count(b"EVALSHA") == 1
