"""A template tried out: sent to whoever asks, by the queue and provider that patients' texts take.

It goes to nobody whom the clinic knows as a contact, names the one who asked for it, says that it
is a test, and counts for no patient: no cap, no consent, no timeline. Quiet hours and the clinic's
hold are for patients; STOP is for everybody.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from sqlalchemy import func, select
from sqlmodel import col

from crm.accounts.actions import change_phone
from crm.accounts.models import Clinic, User
from crm.contacts import emails, phones
from crm.contacts.actions import AddressKey, claim_addresses
from crm.contacts.queries import people_at
from crm.core.errors import N_, Invalid, NotFound, TooMany
from crm.core.uow import UnitOfWork
from crm.messaging.actions.queuing import TEST, OutboundText, queue_texts
from crm.messaging.composing import merge_values
from crm.messaging.models import Communication
from crm.messaging.queries import TemplateShown, templates_shown
from crm.messaging.rendering import placeholders

MOST, WITHIN = 20, timedelta(hours=1)
"""How many tests somebody sends in a while, so that no button becomes a bill."""

USEFUL_FOR = timedelta(minutes=15)
"""How long one waits for a test: what could not leave until then never does."""

NO_PHONE = N_("This is not a mobile number that texts can go to.")
NO_EMAIL = N_("No email can go to the address that you sign in with.")
A_PATIENTS = N_("A patient or lead has this address. Tests go only to your own.")
NO_WORDS = N_("The template says nothing in this language.")
ENOUGH = N_("You sent many tests within an hour. Try again a little later.")


@dataclass(frozen=True)
class Trial:
    """What somebody tries out: which template, in which language, and on which number if a text.

    `key` is the form's own: sent twice it makes one test.
    """

    template_id: UUID
    language: str
    key: str
    phone: str = ""


def send_test(uow: UnitOfWork, user: User, clinic: Clinic, trial: Trial) -> UUID:
    """Queue a test of a template's published words to the user; return its id.

    The number is kept for the next one. Raises NotFound, Invalid, TooMany.
    """
    template = next(iter(templates_shown(uow, trial.template_id)), None)
    if template is None:
        raise NotFound("template not found")
    if not template.bodies.get(trial.language):
        raise Invalid(NO_WORDS, field="language")
    key = _address(user, clinic, template, trial)
    address_id = claim_addresses(uow, [key])[key]
    field = "phone" if template.channel == "sms" else "language"
    if people_at(uow, [address_id]) or _has_history(uow, address_id):
        raise Invalid(A_PATIENTS, field=field)
    if template.channel == "sms":
        change_phone(uow, key[1])
    text = OutboundText(
        contact_id=None,
        message_class="staff",
        origin_kind=TEST,
        origin_id=user.id,
        dedupe_key=f"test:{user.id}:{trial.key}",
        template_id=template.id,
        address_id=address_id,
        values=_values(user, clinic, trial.language),
        useful_until=uow.now + USEFUL_FOR,
        queue="urgent",
        channel="email" if template.channel == "email" else "sms",
        language=trial.language,
    )
    # After the lock on the user or the address: two clicks at once are counted one after the other.
    _refuse_many(uow, user.id)
    return queue_texts(uow, [text])[text.dedupe_key]


def _address(user: User, clinic: Clinic, template: TemplateShown, trial: Trial) -> AddressKey:
    if template.channel == "email":
        value = emails.parse(user.email)
        if value is None:
            raise Invalid(NO_EMAIL, field="language")
        return ("email", value)
    phone = phones.parse(trial.phone, clinic.region)
    if phone.e164 is None:
        raise Invalid(NO_PHONE, field="phone")
    return ("phone", phone.e164)


def _has_history(uow: UnitOfWork, address_id: UUID) -> bool:
    """Whether the clinic ever wrote to it: taken off a card, a number is still a patient's."""
    written = select(col(Communication.id)).where(
        col(Communication.clinic_id) == uow.clinic_id,
        col(Communication.address_id) == address_id,
        col(Communication.direction) == "out",
        col(Communication.origin_kind).not_in((TEST, "keyword")),
    )
    return uow.session.scalar(written.limit(1)) is not None


def _values(user: User, clinic: Clinic, language: str) -> Mapping[str, str]:
    """Return what the merge fields mean: the one who asks is named, what nobody knows is marked."""
    known = merge_values(user.name, clinic.name, clinic.phone)
    return placeholders(language) | {name: str(value) for name, value in known.items() if value}


def _refuse_many(uow: UnitOfWork, user_id: UUID) -> None:
    sent = uow.session.scalar(
        select(func.count()).where(
            col(Communication.clinic_id) == uow.clinic_id,
            col(Communication.origin_kind) == TEST,
            col(Communication.origin_id) == user_id,
            col(Communication.created_at) > uow.now - WITHIN,
        )
    )
    if sent is not None and sent >= MOST:
        raise TooMany(ENOUGH, retry_after=int(WITHIN.total_seconds() / 4))
