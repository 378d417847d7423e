"""What leads do when something happens below them."""

from collections.abc import Sequence

from crm.core.events import Consumer, consumes
from crm.core.uow import UnitOfWork
from crm.messaging.events import TextReceived
from pipelines.unread import mark_unread


@consumes(TextReceived, name="pipelines.mark_unread")
def wait_unread(uow: UnitOfWork, events: Sequence[TextReceived]) -> None:
    """Let leads say that their patient's words wait; a keyword asks for no answer."""
    mark_unread(uow, [event for event in events if event.keyword is None])


CONSUMERS: tuple[Consumer, ...] = (wait_unread,)
