"""What happens to a lead's waiting texts when its person answers or is booked (pain 15)."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from crm.core.events import Event, consumes
from crm.core.uow import UnitOfWork
from crm.messaging.actions import withdraw_overtaken
from crm.messaging.events import TextReceived
from pipelines.events import LeadStageChanged

DECIDED = ("booked", "won")


@consumes(TextReceived, name="pipelines.withdraw_answered")
def withdraw_answered(uow: UnitOfWork, events: Sequence[TextReceived]) -> None:
    """Withdraw what was written for later before the patient answered."""
    replies = [event for event in events if event.keyword is None]
    withdraw_overtaken(uow, "address_id", _latest(uow, replies), "replied")


@consumes(LeadStageChanged, name="pipelines.withdraw_booked")
def withdraw_booked(uow: UnitOfWork, events: Sequence[LeadStageChanged]) -> None:
    """Withdraw what was written for later before the lead was booked."""
    bookings = [event for event in events if event.to_kind in DECIDED]
    withdraw_overtaken(uow, "lead_id", _latest(uow, bookings), "booked")


def _latest(uow: UnitOfWork, events: Sequence[Event]) -> Mapping[UUID, datetime]:
    latest: dict[UUID, datetime] = {}
    for event in events:
        at = event.at or uow.now
        latest[event.order_key] = max(latest.get(event.order_key, at), at)
    return latest


CONSUMERS = (withdraw_answered, withdraw_booked)
