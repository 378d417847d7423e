"""Reads of contacts: merges are followed, people who share an address stay apart."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import CTE, ColumnElement, Select, and_, case, func, select
from sqlmodel import col

from crm.contacts.models import Address, Contact, ContactAddress
from crm.core.uow import UnitOfWork

Rows = TypeVar("Rows", bound=Select[Any])

_contacts: Any = Contact.__table__  # type: ignore[attr-defined]
_addresses: Any = Address.__table__  # type: ignore[attr-defined]
_links: Any = ContactAddress.__table__  # type: ignore[attr-defined]


@dataclass(frozen=True)
class UsedAddress:
    """An address that a contact uses, since when."""

    contact_id: UUID
    address_id: UUID
    kind: str
    value: str
    since: datetime


def canonical_of(contact: Any) -> ColumnElement[UUID]:
    """Return the expression of the contact that a row was merged into, or of itself, to be joined.

    A CASE, for under row-level security an index is not asked for what COALESCE returns: the
    database does not know that it tells nothing of the rows it is given.
    """
    return case((contact.merged_into_id.is_(None), contact.id), else_=contact.merged_into_id)


def join_person(query: Rows, of: Any, person: Any, *, isouter: bool = False) -> Rows:
    """Join as `person`, an alias of `Contact`, whom a row's `contact_id` stands for, after merges.

    With `isouter` also rows that are about nobody are kept.
    """
    its = and_(col(Contact.clinic_id) == col(of.clinic_id), col(Contact.id) == col(of.contact_id))
    canonical = and_(
        col(person.clinic_id) == col(Contact.clinic_id), col(person.id) == canonical_of(Contact)
    )
    return query.join(Contact, its, isouter=isouter).join(person, canonical, isouter=isouter)


def canonical_ids(uow: UnitOfWork, contact_ids: Sequence[UUID]) -> dict[UUID, UUID]:
    """Return for each contact the one that it was merged into, or itself."""
    itself = dict(zip(contact_ids, contact_ids, strict=True))
    if not itself:
        return {}
    start = (
        select(_contacts.c.id.label("of"), _contacts.c.id, _contacts.c.merged_into_id)
        .where(_contacts.c.clinic_id == uow.clinic_id, _contacts.c.id.in_(contact_ids))
        .cte("chain", recursive=True)
    )
    # UNION, not UNION ALL: a circle of pointers ends instead of running for ever.
    chain = start.union(
        select(start.c.of, _contacts.c.id, _contacts.c.merged_into_id).where(
            _contacts.c.clinic_id == uow.clinic_id, _contacts.c.id == start.c.merged_into_id
        )
    )
    ends = select(chain.c.of, chain.c.id).where(chain.c.merged_into_id.is_(None))
    return itself | {row.of: row.id for row in uow.session.execute(ends)}


def families(uow: UnitOfWork, contact_ids: Iterable[UUID]) -> dict[UUID, UUID]:
    """Return every contact that was merged into one of these, and these, each with that one.

    Children keep the contact they were written for: a contact's leads, consents and
    communications are those of its whole family.
    """
    wanted = sorted(set(contact_ids))
    if not wanted:
        return {}
    family = family_of(uow, wanted)
    return {row.id: row.root for row in uow.session.execute(select(family.c.id, family.c.root))}


def family_of(uow: UnitOfWork, contact_ids: Sequence[UUID]) -> CTE:
    """Return a table expression (root, id) for `families`, to be joined."""
    start = (
        select(_contacts.c.id.label("root"), _contacts.c.id)
        .where(_contacts.c.clinic_id == uow.clinic_id, _contacts.c.id.in_(contact_ids))
        .cte("family", recursive=True)
    )
    return start.union(
        select(start.c.root, _contacts.c.id).where(
            _contacts.c.clinic_id == uow.clinic_id, _contacts.c.merged_into_id == start.c.id
        )
    )


def addresses_of(uow: UnitOfWork, contact_ids: Iterable[UUID]) -> list[UsedAddress]:
    """Return the addresses of contacts and of those merged into them, the latest first."""
    wanted = sorted(set(contact_ids))
    if not wanted:
        return []
    family = family_of(uow, wanted)
    rows = uow.session.execute(
        select(
            family.c.root,
            _addresses.c.id,
            _addresses.c.kind,
            _addresses.c.value,
            _links.c.created_at,
        )
        .join(_links, _links.c.contact_id == family.c.id)
        .join(
            _addresses,
            and_(
                _addresses.c.clinic_id == _links.c.clinic_id,
                _addresses.c.id == _links.c.address_id,
            ),
        )
        .where(_links.c.clinic_id == uow.clinic_id)
        .order_by(_links.c.created_at.desc(), _links.c.id.desc())
    )
    return [UsedAddress(*row) for row in rows]


def people_at(uow: UnitOfWork, address_ids: Iterable[UUID]) -> dict[UUID, list[UUID]]:
    """Return who uses each address, merges followed, the first known first."""
    rows = uow.session.execute(
        select(_links.c.address_id, _links.c.contact_id)
        .where(_links.c.clinic_id == uow.clinic_id, _links.c.address_id.in_(list(address_ids)))
        .order_by(_links.c.id)
    ).all()
    canonical = canonical_ids(uow, sorted({row.contact_id for row in rows}))
    people: dict[UUID, list[UUID]] = {}
    for row in rows:
        known = people.setdefault(row.address_id, [])
        if canonical[row.contact_id] not in known:
            known.append(canonical[row.contact_id])
    return people


LATELY = 500
"""Of how many people, those who came last, one is told which language they speak."""


def languages_lately(uow: UnitOfWork) -> Any:
    """Return the select of how many of those who came last speak each language."""
    last = (
        select(_contacts.c.language)
        .where(_contacts.c.clinic_id == uow.clinic_id, _contacts.c.merged_into_id.is_(None))
        .order_by(_contacts.c.id.desc())
        .limit(LATELY)
        .subquery("last")
    )
    return select(last.c.language, func.count().label("people")).group_by(last.c.language)
