"""The address in an email at which its reader ends them: unguessable, and naming nobody.

It is a signature of the email's own id, so an email that is taken twice has one address. Only its
hash is kept, as a door; the address works for as long as the email is known (LAW-40 asks 30 days).
"""

from collections.abc import Sequence
from uuid import UUID

from crm.accounts.doors import open_doors
from crm.core.uow import UnitOfWork

DOOR = "unsubscribe"


def way_out(uow: UnitOfWork, communication_id: UUID) -> str:
    """Return the token by which an email's reader is known."""
    message = f"{DOOR}:{communication_id}".encode()
    signature = uow.keyring.sign(uow.session, uow.clinic_id, message)
    return signature.partition(":")[2]


def address(base_url: str, token: str, language: str | None = None) -> str:
    """Return where a token leads; a page in a language, or what a mail program posts to."""
    return f"{base_url}/u/{token}{f'?lang={language}' if language else ''}"


def open_ways_out(uow: UnitOfWork, communication_ids: Sequence[UUID]) -> None:
    """Let the readers of these emails in, from the commit on that lets the emails leave."""
    open_doors(uow, DOOR, {way_out(uow, each): each for each in communication_ids})
