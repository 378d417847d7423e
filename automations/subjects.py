"""Whom an enrollment is about: locking them in the order of all locks, and reading their facts."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import and_, select

from automations.facts import Facts, LeadFacts
from crm.contacts.models import Contact
from crm.core.bulk import among
from crm.core.uow import UnitOfWork
from pipelines.models import Lead

_contacts: Any = Contact.__table__  # type: ignore[attr-defined]
_leads: Any = Lead.__table__  # type: ignore[attr-defined]


@dataclass(frozen=True)
class Subject:
    """A contact, and the lead where it is about one."""

    contact_id: UUID
    lead_id: UUID | None = None

    @property
    def id(self) -> UUID:
        """The lead's id, or else the contact's: also the order key of what happens to it."""
        return self.lead_id or self.contact_id

    @property
    def kind(self) -> str:
        """What `id` is: lead or contact."""
        return "contact" if self.lead_id is None else "lead"


def lock_facts(uow: UnitOfWork, subjects: Iterable[Subject]) -> dict[Subject, Facts]:
    """Lock contacts (where there is no lead), then leads, in id order; return their facts.

    Whoever writes enrollments holds their subjects first, so two never write the same one, and
    the events of a subject are numbered in the order of commits. Unknown subjects are left out.
    """
    wanted = set(subjects)
    languages = _lock_contacts(uow, {one.contact_id for one in wanted if one.lead_id is None})
    leads = _lock_leads(uow, {one.lead_id for one in wanted if one.lead_id is not None})
    known: dict[Subject, Facts] = {}
    for one in wanted:
        if one.lead_id in leads:
            known[one] = leads[one.lead_id]
        elif one.lead_id is None and one.contact_id in languages:
            known[one] = Facts(languages[one.contact_id])
    return known


def _lock_contacts(uow: UnitOfWork, contact_ids: set[UUID]) -> dict[UUID, str]:
    if not contact_ids:
        return {}
    rows = uow.session.execute(
        select(_contacts.c.id, _contacts.c.language)
        .where(_contacts.c.clinic_id == uow.clinic_id, among(_contacts.c.id, sorted(contact_ids)))
        .order_by(_contacts.c.id)
        .with_for_update(key_share=True)
    )
    return {row.id: row.language for row in rows}


def _lock_leads(uow: UnitOfWork, lead_ids: set[UUID]) -> dict[UUID | None, Facts]:
    if not lead_ids:
        return {}
    c = _leads.c
    rows = uow.session.execute(
        select(c.id, c.pipeline_id, c.stage_id, c.stage_kind, c.source, _contacts.c.language)
        .join(
            _contacts,
            and_(_contacts.c.clinic_id == c.clinic_id, _contacts.c.id == c.contact_id),
        )
        .where(c.clinic_id == uow.clinic_id, among(c.id, sorted(lead_ids)))
        .order_by(c.id)
        .with_for_update(key_share=True, of=_leads)
    )
    return {
        row.id: Facts(
            row.language,
            LeadFacts(row.id, row.pipeline_id, row.stage_id, row.stage_kind, row.source),
        )
        for row in rows
    }
