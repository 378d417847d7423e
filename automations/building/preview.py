"""A step's text as a person would get it: whose name stands in it, its parts and its price."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy.orm import aliased
from sqlmodel import col, select

from crm.accounts.models import Clinic
from crm.contacts.models import Contact
from crm.contacts.queries import join_person
from crm.core.errors import NotFound
from crm.core.together import together
from crm.core.uow import UnitOfWork
from crm.messaging.composing import complete, merge_values
from crm.messaging.queries import in_language
from crm.messaging.rendering import EMAIL_LIMIT, TEXT_LIMIT, preview, why_refused
from crm.messaging.segments import Segments, measure
from crm.web.formats import small_money
from pipelines.models import Lead

NEWEST = 25
"""How many people there are to choose from: those who asked last."""


@dataclass(frozen=True)
class Preview:
    """What a person would read, in how many parts, and what those cost; `refused` says why not."""

    subject: str
    is_email: bool
    words: str
    language: str
    size: Segments
    price: str
    refused: str
    people: Sequence[tuple[str, str]]
    lead_id: str


def preview_of(
    uow: UnitOfWork,
    bodies: Mapping[str, str],
    subjects: Mapping[str, str] | None,
    lead_id: UUID | None,
    language: str | None,
    price: Decimal | None,
) -> Preview:
    """Return a template's words as a lead's person gets them, in their language or another one.

    Without a lead, as the newest one's. `subjects` are an email's, which has no parts; a text has
    none. Raises NotFound.
    """
    found = together(uow, newest=_newest(uow), chosen=_people(uow, lead_id), clinic=_clinic(uow))
    [clinic] = found["clinic"]
    person = next(iter(found["chosen"] if lead_id else found["newest"]), None)
    if lead_id is not None and person is None:
        raise NotFound
    spoken = language or (person.language if person else "en")
    values = merge_values(
        person.name if person else None,
        *(clinic.name, clinic.phone),
        service=person.service if person else None,
    )
    body = in_language(bodies, spoken)
    said = preview(body, values, TEXT_LIMIT if subjects is None else EMAIL_LIMIT)
    words = said
    if subjects is None:
        words = complete(said, clinic.name, spoken, is_first=False, is_automated=True)
    size = measure(words)
    shown = {str(one.id): one.name or "" for one in [*found["chosen"], *found["newest"]]}
    return Preview(
        subject=preview(in_language(subjects or {}, spoken), values),
        is_email=subjects is not None,
        words=words if body else "",
        language=spoken,
        size=size,
        price="" if price is None else small_money(price * size.parts),
        refused=why_refused(body),
        people=sorted(shown.items(), key=lambda pair: pair[1]),
        lead_id=str(person.id) if person else "",
    )


def _people(uow: UnitOfWork, lead_id: UUID | None) -> Any:
    person = aliased(Contact)
    columns: Any = (col(Lead.id), col(person.name), col(person.language), col(Lead.service))
    query: Any = select(*columns).where(
        col(Lead.clinic_id) == uow.clinic_id, col(Lead.id) == lead_id
    )
    return join_person(query, Lead, person)


def _newest(uow: UnitOfWork) -> Any:
    person = aliased(Contact)
    columns: Any = (col(Lead.id), col(person.name), col(person.language), col(Lead.service))
    query: Any = select(*columns).where(col(Lead.clinic_id) == uow.clinic_id)
    return join_person(query, Lead, person).order_by(col(Lead.id).desc()).limit(NEWEST)


def _clinic(uow: UnitOfWork) -> Any:
    columns: Any = (col(Clinic.name), col(Clinic.phone))
    query: Any = select(*columns)
    return query.where(col(Clinic.id) == uow.clinic_id)
