"""Verbs of one contact: another name, language, phone or email, by who saw the latest version."""

from typing import Any
from uuid import UUID

from sqlalchemy import delete
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col, select

from crm.contacts import emails, phones
from crm.contacts.actions import claim_addresses
from crm.contacts.models import Address, AddressKind, Contact, ContactAddress, SearchTerm
from crm.contacts.queries import families
from crm.contacts.search import KIND, index_contacts, terms_of
from crm.core.bulk import among
from crm.core.errors import N_, Invalid, NotFound, StaleVersion
from crm.core.ids import new_id
from crm.core.uow import UnitOfWork

OVERTAKEN = N_("Somebody changed this meanwhile. Look at it, then save again.")
LONGEST_NAME = 200

_links: Any = ContactAddress.__table__  # type: ignore[attr-defined]
_terms: Any = SearchTerm.__table__  # type: ignore[attr-defined]


def lock_contact(uow: UnitOfWork, contact_id: UUID, version: int | None) -> Contact:
    """Lock a contact and return it fresh. Raises NotFound, StaleVersion."""
    contact = uow.session.scalars(
        select(Contact)
        .where(col(Contact.clinic_id) == uow.clinic_id, col(Contact.id) == contact_id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    ).one_or_none()
    if contact is None:
        raise NotFound("contact not found")
    if version is not None and version != contact.version:
        raise StaleVersion(OVERTAKEN)
    return contact


def rename(uow: UnitOfWork, contact_id: UUID, name: str, version: int | None) -> Contact:
    """Give a contact another name, by which it is found. Raises Invalid, StaleVersion."""
    words = " ".join(name.split())
    if not words or len(words) > LONGEST_NAME:
        raise Invalid(N_("Write the name."), field="value")
    contact = lock_contact(uow, contact_id, version)
    before = set(terms_of(contact.name, []))
    contact.name = words
    _bump(uow, contact)
    after = set(terms_of(words, []))
    _forget(uow, contact_id, before - after)
    index_contacts(uow, {contact_id: after})
    return contact


def speak(uow: UnitOfWork, contact_id: UUID, language: str, version: int | None) -> Contact:
    """Set the language in which a contact is written to. Raises Invalid, StaleVersion."""
    if language not in ("en", "es"):
        raise Invalid(N_("Choose a language."), field="value")
    contact = lock_contact(uow, contact_id, version)
    contact.language = language
    _bump(uow, contact)
    return contact


def change_address(
    uow: UnitOfWork,
    contact_id: UUID,
    kind: AddressKind,
    typed: str,
    *,
    region: str,
    instead_of: UUID | None,
    version: int | None,
) -> Contact:
    """Give a contact another phone or email, or one more; with nothing typed, take one away.

    What was agreed to and opted out of hangs on the address, and stays with it. Raises Invalid,
    StaleVersion, NotFound.
    """
    value = _normal(kind, typed, region)
    if value is None and (typed.strip() or instead_of is None):
        raise Invalid(_NOT_ONE[kind], field="value")
    key = None if value is None else (kind, value)
    claimed = claim_addresses(uow, [key]) if key else {}
    contact = lock_contact(uow, contact_id, version)
    family = list(families(uow, [contact_id]))
    old = None if instead_of is None else _taken_off(uow, family, kind, instead_of)
    if key is not None:
        _give(uow, contact, claimed[key], key)
    elif not _has_any(uow, family):
        raise Invalid(N_("Keep at least one phone or email."), field="value")
    uow.changes.append((contact, kind, old, value))
    _bump(uow, contact)
    return contact


_NOT_ONE = {
    "phone": N_("This is not a phone number."),
    "email": N_("This is not an email address."),
}


def _normal(kind: AddressKind, typed: str, region: str) -> str | None:
    return phones.parse(typed, region).e164 if kind == "phone" else emails.parse(typed)


def _give(uow: UnitOfWork, contact: Contact, address_id: UUID, key: tuple[str, str]) -> None:
    row = {
        "clinic_id": uow.clinic_id,
        "id": new_id(),
        "contact_id": contact.id,
        "address_id": address_id,
        "created_at": uow.now,
    }
    uow.session.execute(insert(_links).values(row).on_conflict_do_nothing())
    index_contacts(uow, {contact.id: terms_of("", [key])})


def _taken_off(uow: UnitOfWork, family: list[UUID], kind: str, address_id: UUID) -> str:
    """Take an address off a person and return it; texts that others get there are not touched."""
    address = uow.get(Address, address_id)
    gone = uow.session.execute(
        delete(_links)
        .where(
            _links.c.clinic_id == uow.clinic_id,
            _links.c.address_id == address_id,
            among(_links.c.contact_id, family),
        )
        .returning(_links.c.contact_id)
    ).all()
    if not gone or address.kind != kind:
        raise NotFound("address not found")
    for row in gone:
        _forget(uow, row.contact_id, set(terms_of("", [(address.kind, address.value)])))
    return address.value


def _has_any(uow: UnitOfWork, family: list[UUID]) -> bool:
    theirs = select(col(ContactAddress.id)).where(
        col(ContactAddress.clinic_id) == uow.clinic_id, among(_links.c.contact_id, family)
    )
    return uow.session.scalar(theirs.limit(1)) is not None


def _forget(uow: UnitOfWork, contact_id: UUID, terms: set[str]) -> None:
    if terms:
        uow.session.execute(
            delete(_terms).where(
                _terms.c.clinic_id == uow.clinic_id,
                _terms.c.kind == KIND,
                _terms.c.ref_id == contact_id,
                among(_terms.c.term, sorted(terms)),
            )
        )


def _bump(uow: UnitOfWork, contact: Contact) -> None:
    contact.version += 1
    uow.session.flush()
