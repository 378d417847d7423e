"""Who is the same person, who is another one on the same phone."""

from uuid import UUID

import pytest

from crm.contacts.matching import Known, Person, match
from crm.contacts.names import may_be_one, share_a_word
from crm.core.ids import new_id

PHONE, EMAIL, OTHER = new_id(), new_id(), new_id()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Ana Díaz", "ana diaz"),
        ("Ana", "Ana Díaz López"),
        ("A. Diaz", "Ana Diaz"),
        ("Diaz, Ana", "Ana Diaz"),
        ("Dan Smith", "Daniel Smith"),
        ("", "Ana Diaz"),
        ("👍", "Ana Diaz"),
    ],
)
def test_names_that_may_be_one(one: str, other: str) -> None:
    assert may_be_one(one, other)
    assert may_be_one(other, one)
    assert share_a_word(one, other)


@pytest.mark.parametrize(
    ("one", "other"),
    [("Ana Diaz", "Luis Diaz"), ("Ana", "Luis"), ("Ana Diaz", "Ana Perez"), ("Al B", "Alan B")],
)
def test_names_that_are_two_people(one: str, other: str) -> None:
    assert not may_be_one(one, other)
    assert not may_be_one(other, one)


def found(person: Person, addresses: dict[str, UUID], *known: Known) -> Known | None:
    people = list(known)
    [matched] = match([(person, addresses)], people)
    assert matched.is_new == (len(people) > len(known))
    return None if matched.is_new else next(one for one in known if one.id == matched.contact_id)


def test_a_phone_with_a_fitting_name_is_the_known_contact() -> None:
    ana = Known(new_id(), "Ana Diaz", address_ids={PHONE})
    assert found(Person("Ana"), {"phone": PHONE}, ana) is ana
    assert found(Person("Luis Diaz"), {"phone": PHONE}, ana) is None


def test_an_email_is_the_known_contact_unless_the_names_have_nothing_in_common() -> None:
    ana = Known(new_id(), "Ana Diaz", address_ids={EMAIL})
    assert found(Person("Anna Diaz"), {"email": EMAIL}, ana) is ana
    assert found(Person("Tom Brown"), {"email": EMAIL}, ana) is None


def test_the_likeliest_of_several_is_taken() -> None:
    nameless = Known(new_id(), "", address_ids={PHONE})
    ana = Known(new_id(), "Ana Diaz", address_ids={PHONE})
    mailed = Known(new_id(), "Ana Diaz", address_ids={PHONE, EMAIL})
    assert found(Person("Ana Diaz"), {"phone": PHONE}, nameless, ana, mailed) is ana
    assert found(Person("Ana Diaz"), {"phone": PHONE, "email": EMAIL}, ana, mailed) is mailed
    assert found(Person("Luis"), {"phone": PHONE}, ana, nameless) is nameless
    assert found(Person("Ana Diaz"), {"phone": OTHER}, ana, mailed) is None


def test_a_nameless_contact_is_named_by_who_asks() -> None:
    nameless = Known(new_id(), "", address_ids={PHONE})
    assert found(Person("Ana Diaz"), {"phone": PHONE}, nameless) is nameless
    assert (nameless.name, nameless.is_named_now) == ("Ana Diaz", True)
    assert found(Person("Luis"), {"phone": PHONE}, nameless) is None


def test_the_same_person_twice_in_a_call_is_made_once() -> None:
    known: list[Known] = []
    first, second, third = match(
        [
            (Person("Ana Diaz"), {"phone": PHONE}),
            (Person("Ana"), {"phone": PHONE, "email": EMAIL}),
            (Person("Luis"), {"phone": PHONE}),
        ],
        known,
    )
    assert (first.is_new, second.is_new, third.is_new) == (True, False, True)
    assert first.contact_id == second.contact_id != third.contact_id
    assert known[0].gained == {PHONE, EMAIL}
