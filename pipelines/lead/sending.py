"""A text from a lead's page: confirmed where somebody else answers, never at night unasked."""

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from crm.core.errors import N_, Invalid
from crm.core.uow import UnitOfWork
from crm.messaging.actions import When, send_staff_text
from crm.messaging.actions.staff import UNDO_FOR
from crm.web.language import _
from pipelines.lead.actions import drop_draft
from pipelines.lead.composer import Composer


class SomebodyAnswers(Invalid):
    """Somebody else is writing to the patient, or just did: whoever sends says so once more."""

    code = "somebody_answers"
    title = N_("Somebody else is answering")


class TooEarly(Invalid):
    """It would arrive at night where the patient may be."""

    code = "too_early"
    title = N_("It would arrive at night")


CONFIRMED = frozenset({SomebodyAnswers.code, TooEarly.code})
"""What is said against a text once; whoever wants it all the same sends it anyway."""

NIGHT = N_("Choose another time, or send it anyway.")


@dataclass(frozen=True)
class Draft:
    """What shall be sent, and what whoever sends it had seen.

    `confirmed` are the codes of what was said against it and is overruled. `seen` is the last text
    by hand on the page; `due_at` is for a text for later, which a reply or a booking withdraws
    unless it is pinned.
    """

    body: str = field(repr=False)
    key: str
    address_id: UUID | None = None
    seen: UUID | None = None
    confirmed: frozenset[str] = frozenset()
    due_at: datetime | None = None
    is_pinned: bool = False


def send_from_page(uow: UnitOfWork, composer: Composer, draft: Draft) -> UUID:
    """Queue a text to a lead's person so that it can be taken back for five seconds.

    Raises SomebodyAnswers, TooEarly, Invalid, and what `send_staff_text` raises.
    """
    sheet = composer.sheet
    if composer.barrier is not None:
        raise Invalid(composer.barrier.reason, field="body")
    _ask_if_answered(composer, draft)
    phone = next((one for one in composer.phones if one.id == draft.address_id), composer.to)
    text_id = send_staff_text(
        uow,
        body=draft.body,
        key=draft.key,
        contact_id=sheet.lead.contact_id,
        address_id=phone.id,
        lead_id=sheet.lead.id,
        values=composer.values,
        when=_when(uow, composer, draft),
    )
    drop_draft(uow, sheet.lead.id)
    return text_id


def _ask_if_answered(composer: Composer, draft: Draft) -> None:
    sheet = composer.sheet
    if sheet.claimant is not None and SomebodyAnswers.code not in draft.confirmed:
        raise SomebodyAnswers(
            _("%(name)s is writing to them now.", name=sheet.claimant.name), field="anyway"
        )
    last = sheet.last_by_hand
    if last is not None and last.id != draft.seen and last.origin_id != sheet.me:
        raise SomebodyAnswers(
            _("%(name)s wrote to them while you were writing.", name=last.writer or "?"),
            field="anyway",
        )


def _when(uow: UnitOfWork, composer: Composer, draft: Draft) -> When:
    may_be_night = TooEarly.code in draft.confirmed
    if draft.due_at is None:
        if composer.opens_at is not None and not may_be_night:
            raise TooEarly(NIGHT, field="anyway")
        return When(uow.now + UNDO_FOR)
    if draft.due_at <= uow.now:
        raise Invalid(N_("This time is over; choose a later one."), field="later_at")
    opening = composer.opening(draft.due_at)
    if opening != draft.due_at and not may_be_night:
        raise TooEarly(NIGHT, field="later_at")
    return When(draft.due_at, is_overtakable=not draft.is_pinned)
