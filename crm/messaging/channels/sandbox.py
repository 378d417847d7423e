"""The demo's channel: the communication's own row is what the patient's phone shows."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from crm.messaging.channels.base import Accepted, Found, OutboundMessage, Result


@dataclass(frozen=True)
class Sandbox:
    """Accepts every text at once; no network, and never in production."""

    kind: str = "sms"

    def send_many(self, messages: Iterable[OutboundMessage | None]) -> Iterator[Result]:
        """Yield Accepted for each message: a phone on screen has it once that is recorded."""
        for message in messages:
            if message is not None:
                yield Accepted(message.attempt_id, f"SB{message.attempt_id.hex}", "delivered")

    def find(self, to: str, sender: str, since: datetime, body: str) -> Sequence[Found]:
        """Return nothing: what was not recorded is on no phone."""
        return ()
