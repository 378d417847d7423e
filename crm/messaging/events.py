"""What happens to communications."""

from uuid import UUID

from crm.core.events import Event


class CommunicationSettled(Event):
    """A text or email was sent, blocked or failed, so who waits for it goes on.

    Order key: the communication's address. `status` is sent, blocked, failed or voided.
    """

    name = "communication.settled"

    communication_id: UUID
    status: str
    reason: str | None = None
    origin_kind: str | None = None
    origin_id: UUID | None = None


class TextReceived(Event):
    """A patient's text came in. Order key: the address. `keyword` is stop, start, help or none."""

    name = "text.received"

    communication_id: UUID
    address_id: UUID
    conversation_id: UUID
    keyword: str | None = None


class TemplatePaused(Event):
    """Carriers filtered too many texts of a template: its texts wait for a person (TW-44).

    Order key: the template.
    """

    name = "template.paused"

    template_id: UUID
    version_id: UUID


class ClinicCapReached(Event):
    """The clinic sent its most automated texts for one of its days (LAW-27).

    Order key: the day's counter. Once a day.
    """

    name = "clinic.daily_cap_reached"

    cap: int


class OfMessage(Event):
    """What tells of one text or email: which, by what channel, and who queued it."""

    communication_id: UUID
    channel: str = "sms"
    origin_kind: str | None = None
    origin_id: UUID | None = None


class DeliveryReported(OfMessage):
    """The provider said what became of a text: delivered or undelivered. Order key: the address."""

    name = "communication.delivery_reported"

    status: str
    error_code: str | None = None


class DeliveryFailed(OfMessage):
    """A text or email did not arrive, and is not tried again by itself. Once a communication.

    Order key: the address.
    """

    name = "communication.delivery_failed"

    reason: str | None = None


class TextWritten(Event):
    """A person wrote a text; it leaves when it is due. Order key: the address."""

    name = "text.written"

    communication_id: UUID


class StaffTextSettled(Event):
    """A text that a person wrote left, or turned out later to have arrived or not.

    Order key: the address.
    """

    name = "text.staff_settled"

    communication_id: UUID


class TextWithdrawn(Event):
    """A person took back a text that had not left. Order key: the address."""

    name = "text.withdrawn"

    communication_id: UUID


class CallLogged(Event):
    """Somebody wrote down a call, in or out, and what came of it. Order key: the address."""

    name = "call.logged"

    communication_id: UUID


class CallRemoved(Event):
    """A call that was written down by mistake was removed. Order key: the address."""

    name = "call.removed"

    communication_id: UUID
