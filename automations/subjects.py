"""Whom an enrollment is about: locking them in the order of all locks, and reading their facts."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import and_, bindparam, select

from automations.facts import Facts, LeadFacts
from crm.contacts.models import Contact
from crm.core.bulk import given
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
    return _facts(uow, set(subjects), _LOCK_CONTACTS, _LOCK_LEADS)


def read_facts(uow: UnitOfWork, subjects: Iterable[Subject]) -> dict[Subject, Facts]:
    """Return the facts of subjects without locking them, for pages that only tell of them."""
    return _facts(uow, set(subjects), _CONTACTS, _LEADS)


def _facts(
    uow: UnitOfWork, wanted: set[Subject], contacts: Any, lead_rows: Any
) -> dict[Subject, Facts]:
    contact_ids = {one.contact_id for one in wanted if one.lead_id is None}
    lead_ids = {one.lead_id for one in wanted if one.lead_id is not None}
    languages = _languages(uow, contact_ids, contacts)
    leads = _facts_of_leads(uow, lead_ids, lead_rows)
    known: dict[Subject, Facts] = {}
    for one in wanted:
        if one.lead_id in leads:
            known[one] = leads[one.lead_id]
        elif one.lead_id is None and one.contact_id in languages:
            known[one] = Facts(languages[one.contact_id])
    return known


def lock_people(uow: UnitOfWork, contact_ids: set[UUID]) -> None:
    """Lock contacts, then all of their leads, as `lock_facts` does: nobody enrolls them meanwhile.

    A lead that is made meanwhile is not consumed before its commit.
    """
    c = _leads.c
    theirs = select(c.id).where(c.clinic_id == uow.clinic_id, c.contact_id.in_(contact_ids))
    _languages(uow, contact_ids, _LOCK_CONTACTS)
    lead_ids = set(uow.session.scalars(theirs)) if contact_ids else set()
    _facts_of_leads(uow, lead_ids, _LOCK_LEADS)


def _languages(uow: UnitOfWork, contact_ids: set[UUID], rows: Any) -> dict[UUID, str]:
    if not contact_ids:
        return {}
    values = {"clinic": uow.clinic_id, "ids": sorted(contact_ids)}
    return {row.id: row.language for row in uow.session.execute(rows, values)}


def _facts_of_leads(uow: UnitOfWork, lead_ids: set[UUID], rows: Any) -> dict[UUID | None, Facts]:
    if not lead_ids:
        return {}
    values = {"clinic": uow.clinic_id, "ids": sorted(lead_ids)}
    return {
        row.id: Facts(
            row.language,
            LeadFacts(
                *(row.id, row.pipeline_id, row.stage_id, row.stage_kind, row.source),
                *(row.owner_id, row.value_cents, row.created_at, row.stage_entered_at),
                row.follow_up_on,
            ),
        )
        for row in uow.session.execute(rows, values)
    }


_CONTACTS = (
    select(_contacts.c.id, _contacts.c.language)
    .where(_contacts.c.clinic_id == bindparam("clinic"), given(_contacts.c.id))
    .order_by(_contacts.c.id)
)
_LEADS = (
    select(
        *(_leads.c.id, _leads.c.pipeline_id, _leads.c.stage_id, _leads.c.stage_kind),
        *(_leads.c.source, _leads.c.owner_id, _leads.c.value_cents, _leads.c.created_at),
        *(_leads.c.stage_entered_at, _leads.c.follow_up_on, _contacts.c.language),
    )
    .join(
        _contacts,
        and_(_contacts.c.clinic_id == _leads.c.clinic_id, _contacts.c.id == _leads.c.contact_id),
    )
    .where(_leads.c.clinic_id == bindparam("clinic"), given(_leads.c.id))
    .order_by(_leads.c.id)
)
_LOCK_CONTACTS = _CONTACTS.with_for_update(key_share=True)
_LOCK_LEADS = _LEADS.with_for_update(key_share=True, of=_leads)
