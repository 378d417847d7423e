"""What a channel is: it takes messages while it can begin them at once, and tells what came back.

A result says what is *known*: Accepted and Refused are the provider's own answers, NoAnswer is
everything after which the provider may have the text (TW-45). A connection that was never made, or
an answer below 500 that is no acceptance, is a Refused (TW-46).
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from threading import Lock
from typing import Any, Literal, Protocol
from uuid import UUID

Action = Literal["not_textable", "opted_out", "content", "sender", "later", "once_more", "final"]
"""What a refusal means for this text and the next ones; see `refusals.action_for` (TW-44)."""


@dataclass(frozen=True, slots=True)
class Mail:
    """What an email has besides its words; the address to unsubscribe at acts on a POST (SG-19)."""

    subject: str = field(repr=False)
    html: str = field(repr=False)
    from_name: str
    unsubscribe_url: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class OutboundMessage:
    """A text or email that was taken: `sending` under this attempt on record, it may leave now.

    `status_callback` carries the attempt id (TW-24); `valid_seconds` is how long the provider may
    try, so that nothing arrives late or at night (TW-43). An email has its `mail`; `body` is its
    text part.
    """

    attempt_id: UUID
    communication_id: UUID
    sender: str
    to: str
    body: str = field(repr=False)
    status_callback: str | None = None
    valid_seconds: int = 14_400
    mail: Mail | None = None


@dataclass(frozen=True, slots=True)
class Accepted:
    """The provider has the text, under its own id."""

    attempt_id: UUID
    provider_id: str
    provider_status: str = "queued"


@dataclass(frozen=True, slots=True)
class Refused:
    """The provider does not have the text and never will from this attempt."""

    attempt_id: UUID
    code: str
    action: Action
    retry_after: float | None = None


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """The request left and no answer came: nobody knows, so it is never repeated blindly."""

    attempt_id: UUID
    reason: str


Result = Accepted | Refused | NoAnswer


@dataclass(frozen=True, slots=True)
class Found:
    """A text that the provider has, as it told when asked.

    `is_worded_alike` is False where its words differ: it may be another text, or ours rewritten.
    """

    provider_id: str
    status: str
    error_code: str | None = None
    is_worded_alike: bool = True


class ProviderUnreachable(Exception):
    """The provider could not be asked now; ask again later."""


class Channel(Protocol):
    """Sends texts through one account of a provider."""

    @property
    def kind(self) -> str:
        """The medium: sms, say."""

    def send_many(self, messages: Iterable[OutboundMessage | None]) -> Iterator[Result]:
        """Yield one result for each message, in any order, as soon as it is known.

        Pull the next message only when its request can begin at once, and only in the thread that
        iterates the results: each pull may take texts in a transaction. Pulled `None` means that
        nothing may be taken until one more result has been yielded; it is never pulled while no
        request is under way. Never raises for a message: a fault of one is its NoAnswer.
        """

    def find(self, to: str, sender: str, since: datetime, body: str) -> Sequence[Found] | None:
        """Return the texts of this pair that the provider has since then, oldest first.

        Each says whether it has this body, which a provider may have rewritten. None where this
        provider cannot be asked. Raises ProviderUnreachable.
        """


@dataclass(frozen=True)
class Account:
    """A clinic's account at a provider, with its credentials in clear: never logged."""

    id: UUID
    clinic_id: UUID
    provider: str
    version: int = 1
    external_id: str | None = None
    credentials: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)


class NoSuchProvider(LookupError):
    """This process has no channel for the provider (the sandbox, say, in production)."""


class Channels:
    """The channels of this process, one an account and version of its credentials."""

    def __init__(self, factories: Mapping[str, Callable[[Account], Channel]]) -> None:
        self._factories = dict(factories)
        self._open: dict[UUID, tuple[int, Channel]] = {}
        self._lock = Lock()

    def knows(self, provider: str) -> bool:
        """Whether texts can leave through this provider here."""
        return provider in self._factories

    def opened(self, account_id: UUID, version: int) -> Channel | None:
        """Return the channel of an account, if it is open with this version of its credentials."""
        with self._lock:
            known, channel = self._open.get(account_id, (None, None))
            return channel if known == version else None

    def of(self, account: Account) -> Channel:
        """Return the account's channel, made anew after its credentials changed.

        Raises NoSuchProvider.
        """
        if account.provider not in self._factories:
            raise NoSuchProvider(account.provider)
        with self._lock:
            known, channel = self._open.get(account.id, (None, None))
            if channel is None or known != account.version:
                channel = self._factories[account.provider](account)
                self._open[account.id] = (account.version, channel)
            return channel
