"""Knowing people by their addresses, in the database."""

from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

from sqlmodel import col, select

from crm.contacts.actions import Person, claim_addresses, lock_addresses, match_or_create
from crm.contacts.models import Address, Contact, ContactAddress, SearchTerm
from crm.contacts.queries import addresses_of, canonical_ids, families, people_at
from crm.contacts.search import find_contacts
from crm.core.history import FieldChange
from crm.core.principal import SYSTEM
from crm.core.runtime import Runtime
from crm.core.uow import UnitOfWork

PHONE = "+12125550142"
OTHER_PHONE = "+12125550177"
ANA = Person("Ana Díaz", PHONE, "ana@example.com")


def count(uow: UnitOfWork, model: type) -> int:
    return len(uow.session.scalars(select(model)).all())


def merge(uow: UnitOfWork, contact_id: UUID, into: UUID) -> None:
    uow.get(Contact, contact_id).merged_into_id = into
    uow.session.flush()
    uow.session.expire_all()


def test_an_unknown_person_is_made_and_known_from_then_on(uow: UnitOfWork) -> None:
    [first] = match_or_create(uow, [ANA])
    [again] = match_or_create(uow, [Person("Ana", PHONE)])
    assert first.is_new
    assert not again.is_new
    assert again.contact_id == first.contact_id
    assert set(first.address_ids) == {"phone", "email"}
    assert again.address_ids["phone"] == first.address_ids["phone"]
    assert (count(uow, Contact), count(uow, Address), count(uow, ContactAddress)) == (1, 2, 2)


def test_two_people_on_one_phone_are_two_contacts_on_one_address(uow: UnitOfWork) -> None:
    ana, luis = match_or_create(uow, [ANA, Person("Luis Díaz", PHONE)])
    assert ana.contact_id != luis.contact_id
    assert ana.address_ids["phone"] == luis.address_ids["phone"]
    assert people_at(uow, [ana.address_ids["phone"]]) == {
        ana.address_ids["phone"]: [ana.contact_id, luis.contact_id]
    }


def test_the_same_new_phone_twice_in_a_chunk_is_one_contact(uow: UnitOfWork) -> None:
    first, second = match_or_create(uow, [Person("Ana Díaz", PHONE), Person("ana diaz", PHONE)])
    assert first.contact_id == second.contact_id
    assert (count(uow, Contact), count(uow, Address)) == (1, 1)


def test_a_known_email_brings_its_new_phone_to_the_known_contact(uow: UnitOfWork) -> None:
    [first] = match_or_create(uow, [Person("Ana Díaz", None, "ana@example.com")])
    [again] = match_or_create(uow, [Person("Ana Díaz", OTHER_PHONE, "ana@example.com")])
    assert again.contact_id == first.contact_id
    used = {(one.kind, one.value) for one in addresses_of(uow, [first.contact_id])}
    assert used == {("phone", OTHER_PHONE), ("email", "ana@example.com")}


def test_a_merged_contact_leads_to_the_one_it_was_merged_into(uow: UnitOfWork) -> None:
    [old] = match_or_create(uow, [Person("Ana Díaz", PHONE)])
    [middle] = match_or_create(uow, [Person("Ana Díaz", None, "ana@example.com")])
    [last] = match_or_create(uow, [Person("Ana Díaz", OTHER_PHONE)])
    merge(uow, old.contact_id, middle.contact_id)
    merge(uow, middle.contact_id, last.contact_id)
    [again] = match_or_create(uow, [Person("Ana Díaz", PHONE)])
    assert again.contact_id == last.contact_id
    assert not again.is_new
    everyone = [old.contact_id, middle.contact_id, last.contact_id]
    assert canonical_ids(uow, everyone) == dict.fromkeys(everyone, last.contact_id)
    assert families(uow, [last.contact_id]) == dict.fromkeys(everyone, last.contact_id)
    assert {one.value for one in addresses_of(uow, [last.contact_id])} == {
        PHONE,
        OTHER_PHONE,
        "ana@example.com",
    }


def test_a_circle_of_merges_ends(uow: UnitOfWork) -> None:
    one, other = match_or_create(uow, [ANA, Person("Luis", OTHER_PHONE)])
    merge(uow, one.contact_id, other.contact_id)
    merge(uow, other.contact_id, one.contact_id)
    assert canonical_ids(uow, [one.contact_id]) == {one.contact_id: one.contact_id}
    assert set(families(uow, [one.contact_id])) == {one.contact_id, other.contact_id}
    assert not match_or_create(uow, [ANA])[0].is_new


def test_a_contact_without_a_name_is_named_with_its_history(uow: UnitOfWork) -> None:
    [first] = match_or_create(uow, [Person("", PHONE)])
    [again] = match_or_create(uow, [Person("Ana Díaz", PHONE)])
    assert again.contact_id == first.contact_id
    assert uow.get(Contact, first.contact_id).name == "Ana Díaz"
    assert uow.get(Contact, first.contact_id).version == 2
    uow.finish()
    [change] = uow.session.scalars(select(FieldChange)).all()
    assert change.new is not None
    assert uow.decrypt(change.id, change.new) == "Ana Díaz"
    assert find_contacts(uow, "diaz") == [first.contact_id]


def test_nobody_without_an_address_is_matched(uow: UnitOfWork) -> None:
    first, second = match_or_create(uow, [Person("Ana"), Person("Ana")])
    assert first.is_new
    assert second.is_new
    assert match_or_create(uow, []) == []


def test_other_clinics_are_never_met(runtime: Runtime, clinic: UUID, other_clinic: UUID) -> None:
    found = []
    for clinic_id in (clinic, other_clinic):
        with runtime.database.transaction(clinic_id, SYSTEM) as uow:
            found += match_or_create(uow, [ANA])
            assert find_contacts(uow, "ana") == [found[-1].contact_id]
    assert all(one.is_new for one in found)
    assert found[0].address_ids["phone"] != found[1].address_ids["phone"]


def test_parallel_strangers_with_one_phone_become_one_contact(
    runtime: Runtime, clinic: UUID
) -> None:
    people = [Person("Ana Díaz", PHONE), Person("Luis", OTHER_PHONE)]

    def meet(turn: int) -> set[UUID]:
        with runtime.database.transaction(clinic, SYSTEM) as uow:
            order = people if turn % 2 else people[::-1]
            return {one.contact_id for one in match_or_create(uow, order)}

    with ThreadPoolExecutor(6) as pool:
        seen = list(pool.map(meet, range(24)))
    assert all(one == seen[0] for one in seen)
    assert len(seen[0]) == 2


def test_locking_names_only_what_it_is_given(uow: UnitOfWork) -> None:
    ids = claim_addresses(uow, [("phone", PHONE), ("phone", PHONE), ("email", "a@example.com")])
    assert set(ids) == {("phone", PHONE), ("email", "a@example.com")}
    assert claim_addresses(uow, [("phone", PHONE)]) == {("phone", PHONE): ids["phone", PHONE]}
    assert claim_addresses(uow, []) == {}
    lock_addresses(uow, ids.values())
    lock_addresses(uow, [])


def test_people_are_found_as_one_types(uow: UnitOfWork) -> None:
    ana, luis = match_or_create(uow, [ANA, Person("Luis O'Brien", OTHER_PHONE)])
    for typed in (
        "ana",
        "DÍAZ",
        "ana di",
        "diaz ana",
        "ana@exa",
        "555-0142",
        "0142",
        "(212) 555 0142",
    ):
        assert find_contacts(uow, typed) == [ana.contact_id], typed
    assert find_contacts(uow, "obrien 0177") == [luis.contact_id]
    for typed in ("", "  ", "zz", "ana obrien", "42", "ana' OR 1=1", "%"):
        assert find_contacts(uow, typed) == [], typed


def test_search_terms_are_folded_words_emails_and_reversed_digits(uow: UnitOfWork) -> None:
    match_or_create(uow, [ANA])
    terms = uow.session.scalars(select(SearchTerm.term).order_by(col(SearchTerm.term))).all()
    assert terms == ["24105552121", "ana", "ana@example.com", "diaz"]
