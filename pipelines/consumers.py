"""What leads do when something happens below them."""

from collections.abc import Sequence

from crm.core.events import Consumer, Event, consumes
from crm.core.uow import UnitOfWork
from crm.messaging.events import CallLogged, CallRemoved, StaffTextSettled, TextReceived
from pipelines.replies import lock_theirs, wind_clocks
from pipelines.unread import mark_unread


@consumes(TextReceived, name="pipelines.mark_unread")
def wait_unread(uow: UnitOfWork, events: Sequence[TextReceived]) -> None:
    """Let leads say that their patient's words wait; a keyword asks for no answer."""
    mark_unread(uow, [event for event in events if event.keyword is None])


@consumes(StaffTextSettled, CallLogged, CallRemoved, name="pipelines.keep_clocks")
def keep_clocks(uow: UnitOfWork, events: Sequence[Event]) -> None:
    """Stop the clocks of who was answered, and start them again where no answer arrived."""
    wind_clocks(uow, [lead.id for lead in lock_theirs(uow, events)])


CONSUMERS: tuple[Consumer, ...] = (wait_unread, keep_clocks)
