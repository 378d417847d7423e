"""Verbs of contacts: know people by their addresses, or make them; many at once."""

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import Select, and_, or_, select

from crm.contacts.matching import Known, Matched, Person, match
from crm.contacts.models import Address, Contact, ContactAddress
from crm.contacts.queries import canonical_ids
from crm.contacts.search import index_contacts, terms_of
from crm.core.asking import PLACES
from crm.core.bulk import among, given, insert_rows
from crm.core.ids import new_id
from crm.core.uow import UnitOfWork

__all__ = [
    "AddressKey",
    "Matched",
    "Person",
    "addresses_given",
    "claim_addresses",
    "lock_addresses",
    "match_at",
    "match_or_create",
]

_contacts: Any = Contact.__table__  # type: ignore[attr-defined]
_addresses: Any = Address.__table__  # type: ignore[attr-defined]
_links: Any = ContactAddress.__table__  # type: ignore[attr-defined]

AddressKey = tuple[str, str]
"""The kind and the normal form of an address."""


def match_or_create(uow: UnitOfWork, people: Sequence[Person]) -> list[Matched]:
    """Return whose contact each person is, making the unknown ones; locks addresses and contacts.

    Ids are of canonical contacts. Two people with one phone and clearly different names are two
    contacts; the same person twice in a call is one.
    """
    return match_at(uow, people, claim_addresses(uow, addresses_given(people)))


def addresses_given(people: Iterable[Person]) -> list[AddressKey]:
    """Return the addresses that people gave, to be claimed."""
    return [key for person in people for key in person.addresses]


def match_at(
    uow: UnitOfWork, people: Sequence[Person], ids: Mapping[AddressKey, UUID]
) -> list[Matched]:
    """Do the rest of `match_or_create` for addresses that are claimed already."""
    known = _lock_known(uow, sorted(ids.values()))
    matched = match(
        [
            (person, {kind: ids[kind, value] for kind, value in person.addresses})
            for person in people
        ],
        known,
    )
    _write(uow, known, {address_id: key for key, address_id in ids.items()})
    return matched


def claim_addresses(uow: UnitOfWork, keys: Iterable[AddressKey]) -> dict[AddressKey, UUID]:
    """Return the ids of addresses, making the unknown ones, and lock them all in id order.

    New ones are inserted in the order of their values, so that two such calls never deadlock.
    """
    wanted = sorted(set(keys))
    if not wanted:
        return {}
    _add_addresses(uow, wanted)
    values = {kind: [value for one, value in wanted if one == kind] for kind, _ in wanted}
    rows = uow.session.execute(_claim(tuple(values)), PLACES.of(uow, **values))
    return {(row.kind, row.value): row.id for row in rows}


@cache
def _claim(kinds: tuple[str, ...]) -> Select[Any]:
    """Return the statement that locks addresses of these kinds, each with its list of values."""
    of_kinds = (and_(_addresses.c.kind == kind, given(_addresses.c.value, kind)) for kind in kinds)
    return (
        select(_addresses.c.id, _addresses.c.kind, _addresses.c.value)
        .where(_addresses.c.clinic_id == PLACES.clinic_id, or_(*of_kinds))
        .order_by(_addresses.c.id)
        .with_for_update(key_share=True)
    )


def _add_addresses(uow: UnitOfWork, keys: Sequence[AddressKey]) -> None:
    rows = [
        {
            "clinic_id": uow.clinic_id,
            "id": new_id(),
            "kind": kind,
            "value": value,
            "created_at": uow.now,
        }
        for kind, value in keys
    ]
    insert_rows(uow.session, _addresses, rows, skip_known=True)


def lock_addresses(uow: UnitOfWork, address_ids: Iterable[UUID]) -> None:
    """Lock addresses in id order until the transaction ends; this comes before any other lock."""
    wanted = sorted(set(address_ids))
    if wanted:
        uow.session.execute(_LOCK, PLACES.of(uow, ids=wanted)).all()


_LOCK = (
    select(_addresses.c.id)
    .where(_addresses.c.clinic_id == PLACES.clinic_id, given(_addresses.c.id))
    .order_by(_addresses.c.id)
    .with_for_update(key_share=True)
)


_WHO_USES = (
    select(
        _contacts.c.id,
        _contacts.c.name,
        _contacts.c.language,
        _contacts.c.merged_into_id,
        _links.c.address_id,
    )
    .join(
        _links,
        and_(_links.c.clinic_id == _contacts.c.clinic_id, _links.c.contact_id == _contacts.c.id),
    )
    .where(_links.c.clinic_id == PLACES.clinic_id, given(_links.c.address_id))
    .order_by(_contacts.c.id)
    .with_for_update(key_share=True, of=_contacts)
)


def _lock_known(uow: UnitOfWork, address_ids: Sequence[UUID]) -> list[Known]:
    """Lock whoever uses the addresses, and whom they were merged into, in id order."""
    found = uow.session.execute(_WHO_USES, PLACES.of(uow, ids=list(address_ids))).all()
    known = {
        row.id: Known(row.id, row.name, row.language) for row in found if row.merged_into_id is None
    }
    canonical = _canonical(uow, [row.id for row in found if row.merged_into_id], known)
    for row in found:
        known[canonical.get(row.id, row.id)].address_ids.add(row.address_id)
    return list(known.values())


def _canonical(
    uow: UnitOfWork, merged: Sequence[UUID], known: dict[UUID, Known]
) -> dict[UUID, UUID]:
    """Return whom merged contacts became, and add to `known` who is not there yet."""
    canonical = canonical_ids(uow, sorted(set(merged)))
    rows = (
        uow.session.execute(
            select(_contacts.c.id, _contacts.c.name, _contacts.c.language)
            .where(
                _contacts.c.clinic_id == uow.clinic_id,
                among(_contacts.c.id, sorted(set(canonical.values()) - known.keys())),
            )
            .order_by(_contacts.c.id)
            .with_for_update(key_share=True)
        )
        if canonical
        else ()
    )
    for row in rows:
        known[row.id] = Known(row.id, row.name, row.language)
    return canonical


def _write(uow: UnitOfWork, known: Sequence[Known], keys: dict[UUID, AddressKey]) -> None:
    uow.insert(Contact, [_contact_row(uow, contact) for contact in known if contact.is_new])
    _rename(uow, {contact.id: contact.name for contact in known if contact.is_named_now})
    uow.insert(
        ContactAddress,
        [
            {"id": new_id(), "contact_id": contact.id, "address_id": one, "created_at": uow.now}
            for contact in known
            for one in sorted(contact.gained)
        ],
    )
    index_contacts(uow, {contact.id: _new_terms(contact, keys) for contact in known})


def _contact_row(uow: UnitOfWork, contact: Known) -> dict[str, Any]:
    return {
        "id": contact.id,
        "name": contact.name,
        "language": contact.language,
        "created_at": uow.now,
        "version": 1,
    }


def _new_terms(contact: Known, keys: Mapping[UUID, AddressKey]) -> list[str]:
    name = contact.name if contact.is_new or contact.is_named_now else ""
    return terms_of(name, [keys[one] for one in contact.gained])


def _rename(uow: UnitOfWork, names: dict[UUID, str]) -> None:
    """Give names to contacts that had none, with their history."""
    if not names:
        return
    rows = uow.session.scalars(
        select(Contact).where(
            _contacts.c.clinic_id == uow.clinic_id, among(_contacts.c.id, sorted(names))
        )
    )
    for contact in rows:
        contact.name = names[contact.id]
        contact.version += 1
    uow.session.flush()
