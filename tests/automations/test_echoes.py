"""Sequences that are started by what became of messages, and never by what they led to."""

from collections.abc import Iterable, Iterator

import pytest
from sqlmodel import col

from automations.events import EnrollmentRefused
from crm.core.events import EventRow
from crm.messaging.channels.base import Accepted, OutboundMessage, Result
from crm.messaging.channels.sandbox import Sandbox
from crm.messaging.settling.statuses import StatusIn, apply_statuses
from tests.conftest import Drain
from tests.flows.conftest import app, house, other_house
from tests.flows.test_limits import TEXT, publish
from tests.flows.test_one_voice import ASKS, only
from tests.support.houses import PHONE, House

__all__ = ["app", "house", "other_house"]

DELIVERED, FAILED = {"kind": "delivered"}, {"kind": "failed"}
TAG = {"kind": "tag", "add": ["reached"]}


@pytest.fixture(autouse=True)
def on_its_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """The provider takes each text, and tells later what became of it."""

    def send_many(_self: Sandbox, messages: Iterable[OutboundMessage | None]) -> Iterator[Result]:
        for one in messages:
            if one is not None:
                yield Accepted(one.attempt_id, f"SB{one.attempt_id.hex}", "queued")

    monkeypatch.setattr(Sandbox, "send_many", send_many)


def told(house: House, status: str, code: str | None = None) -> None:
    """Let the provider say of every text that left what became of it."""
    left = [text.row for text in house.texts(PHONE) if text.row.status == "sent"]
    said = [StatusIn(str(row.provider_id), status, code) for row in left]
    house.do(apply_statuses, said)


def entered(house: House, name: str) -> int:
    return len(house.enrollments(name))


def refusals(house: House) -> list[str]:
    rows = house.all(EventRow, col(EventRow.name) == EnrollmentRefused.name)
    # The clinic's own sequences are paused, and say so.
    return [reason for row in rows if (reason := row.payload["reason"]) != "paused"]


def settle(house: House, drain: Drain, rounds: int = 8) -> None:
    """Let hours pass in which every text that may leave does, and arrives."""
    for _ in range(rounds):
        drain()
        told(house, "delivered")
        drain()
        house.runtime.clock.advance(hours=5)


def test_a_delivered_text_starts_a_sequence_once_however_often_it_is_told(
    house: House, drain: Drain
) -> None:
    publish(house, "Asks", ASKS, TEXT)
    publish(house, "Arrived", DELIVERED, TAG)
    only(house, "Asks", "Arrived")
    house.ask()
    drain()
    assert entered(house, "Arrived") == 0

    told(house, "delivered")
    told(house, "delivered")
    drain()

    assert entered(house, "Arrived") == 1


@pytest.mark.parametrize(
    ("trigger", "count"),
    [
        ({"kind": "delivered", "automation": "Asks"}, 1),
        ({"kind": "delivered", "automation": "Other"}, 0),
        ({"kind": "delivered", "channel": "email"}, 0),
    ],
)
def test_it_is_narrowed_to_a_sequence_or_a_channel(
    house: House, drain: Drain, trigger: dict[str, str], count: int
) -> None:
    publish(house, "Asks", ASKS, TEXT)
    publish(house, "Other", {"kind": "by_hand"}, TEXT)
    publish(house, "Arrived", trigger, TAG)
    only(house, "Asks", "Arrived")
    house.ask()
    drain()

    told(house, "delivered")
    drain()

    assert entered(house, "Arrived") == count


def test_a_text_that_is_tried_once_more_has_not_failed_until_that_did_not_arrive_either(
    house: House, drain: Drain
) -> None:
    publish(house, "Asks", ASKS, TEXT, exits=[])
    publish(house, "Lost", FAILED, TAG)
    only(house, "Asks", "Lost")
    house.set_clock("2027-02-02 09:00")
    house.ask()
    drain()
    told(house, "undelivered", "30003")
    drain()
    assert entered(house, "Lost") == 0

    house.runtime.clock.advance(hours=2)
    drain()
    told(house, "undelivered", "30003")
    told(house, "undelivered", "30003")
    drain()

    assert entered(house, "Lost") == 1


def test_a_sequence_is_not_started_by_its_own_messages(house: House, drain: Drain) -> None:
    publish(house, "Arrived", DELIVERED, TEXT, exits=[])
    publish(house, "Asks", ASKS, TEXT, exits=[])
    only(house, "Asks", "Arrived")
    house.set_clock("2027-02-02 09:00")
    house.ask()

    settle(house, drain)

    assert entered(house, "Arrived") == 1
    assert len(house.sent(PHONE)) == 2
    assert refusals(house) == []


def test_two_sequences_that_start_each_other_come_to_an_end(house: House, drain: Drain) -> None:
    publish(house, "Other", {"kind": "by_hand"}, TEXT)
    publish(house, "One", {"kind": "delivered", "automation": "Other"}, TEXT, exits=[])
    publish(house, "Other", {"kind": "delivered", "automation": "One"}, TEXT, exits=[])
    publish(house, "Begin", ASKS, {"kind": "start_sequence", "automation": "Other"}, exits=[])
    only(house, "One", "Other", "Begin")
    house.set_clock("2027-02-02 09:00")
    house.ask()

    settle(house, drain, rounds=20)

    assert (entered(house, "One"), entered(house, "Other")) == (1, 1)
    assert refusals(house) == ["loop"]
    assert len(house.sent(PHONE)) == 2


def test_a_later_event_starts_both_again(house: House, drain: Drain) -> None:
    publish(house, "Asks", {"kind": "form_submitted"}, TEXT, exits=[])
    publish(house, "Arrived", DELIVERED, TAG)
    only(house, "Asks", "Arrived")
    house.set_clock("2027-02-02 09:00")
    house.ask()
    settle(house, drain, rounds=2)
    assert entered(house, "Arrived") == 1

    house.ask()
    settle(house, drain, rounds=2)

    assert entered(house, "Arrived") == 2


def test_one_voice_holds_between_a_message_and_what_it_starts(house: House, drain: Drain) -> None:
    publish(house, "Asks", ASKS, TEXT, exits=[])
    publish(house, "Arrived", DELIVERED, TEXT)
    only(house, "Asks", "Arrived")
    house.set_clock("2027-02-02 09:00")
    house.ask()
    drain()
    told(house, "delivered")
    drain()

    waiting = [text.row for text in house.texts(PHONE) if text.row.status == "queued"]
    assert [row.held_reason for row in waiting] == ["other_voice"]
