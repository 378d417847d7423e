"""What happens to consent."""

from uuid import UUID

from crm.core.events import Event


class ConsentRecorded(Event):
    """A consent was granted or revoked for an address. Order key: the address."""

    name = "consent.recorded"

    consent_id: UUID
    address_id: UUID
    channel: str
    purpose: str
    tier: str
    action: str


class AddressSuppressed(Event):
    """An address opted out of a channel, or must not be contacted. Order key: the address."""

    name = "address.suppressed"

    address_id: UUID
    channel: str
    reason: str


class SuppressionLifted(Event):
    """An address opted in again, by its own word. Order key: the address."""

    name = "address.suppression_lifted"

    address_id: UUID
    channel: str
