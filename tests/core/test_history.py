"""Declared fields keep their history: who changed what, from what to what, encrypted."""

from uuid import UUID

from sqlmodel import select

from crm.contacts.models import Contact
from crm.core.history import FieldChange
from crm.core.ids import new_id
from crm.core.principal import SYSTEM, Principal
from crm.core.runtime import Runtime


def test_a_change_is_kept_whenever_it_is_flushed(runtime: Runtime, clinic: UUID) -> None:
    with runtime.database.transaction(clinic, SYSTEM) as uow:
        contact = Contact(name="Ana", created_at=uow.now)
        uow.add(contact)
    editor = Principal("user", new_id())
    with runtime.database.transaction(clinic, editor) as uow:
        row = uow.get(Contact, contact.id)
        row.name = "Anna"
        uow.add(Contact(name="Ben", created_at=uow.now))
        row.language = "es"
    with runtime.database.transaction(clinic, SYSTEM) as uow:
        kept = {
            change.field: (uow.decrypt(change.id, change.old), uow.decrypt(change.id, change.new))
            for change in uow.session.scalars(select(FieldChange))
            if change.old is not None
            and change.new is not None
            and change.principal_id == editor.id
        }
        raw = uow.session.scalars(select(FieldChange.new)).all()
    assert kept == {"name": ("Ana", "Anna"), "language": ("en", "es")}
    assert all(word is not None and "Anna" not in word for word in raw)
