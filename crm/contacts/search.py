"""Search terms of contacts: folded words of the name, emails, and phones from their last digit."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import Select, intersect, select, union

from crm.contacts.models import SearchTerm
from crm.contacts.names import fold, reversed_digits
from crm.contacts.queries import canonical_ids
from crm.core.bulk import insert_rows
from crm.core.uow import UnitOfWork

KIND = "contact"
FEWEST_DIGITS = 3
"""Fewer digits would find half of the clinic."""

MOST_TYPED_WORDS = 6

_terms: Any = SearchTerm.__table__  # type: ignore[attr-defined]


def terms_of(name: str, addresses: Iterable[tuple[str, str]]) -> list[str]:
    """Return the terms that find a contact, sorted; `addresses` are (kind, value)."""
    found = set(fold(name))
    for kind, value in addresses:
        found.add(reversed_digits(value) if kind == "phone" else value)
    return sorted(found)


def index_contacts(uow: UnitOfWork, terms: Mapping[UUID, Iterable[str]]) -> None:
    """Add terms to contacts; those that a contact has already are left as they are."""
    rows = sorted((term, contact_id) for contact_id, found in terms.items() for term in found)
    insert_rows(
        uow.session,
        _terms,
        [
            {"clinic_id": uow.clinic_id, "term": term, "kind": KIND, "ref_id": contact_id}
            for term, contact_id in rows
        ],
        skip_known=True,
    )


def find_contacts(uow: UnitOfWork, typed: str, *, limit: int = 20) -> list[UUID]:
    """Return the contacts that every typed word leads to: a name's beginning, an email's
    beginning, or the last digits of a phone, however it is punctuated."""
    searches = list(_searches(uow, typed))
    if not searches:
        return []
    rows = uow.session.execute(intersect(*searches).limit(limit))
    canonical = canonical_ids(uow, [row.ref_id for row in rows])
    return sorted(set(canonical.values()))


def _searches(uow: UnitOfWork, typed: str) -> Iterator[Select[tuple[UUID]]]:
    digits = reversed_digits(typed)
    if len(digits) >= FEWEST_DIGITS and not any(char.isalpha() for char in typed):
        yield _starting(uow, digits)
        return
    for word in typed.casefold().split()[:MOST_TYPED_WORDS]:
        yield from _word(uow, word)


def _word(uow: UnitOfWork, word: str) -> Iterator[Select[tuple[UUID]]]:
    if "@" in word:
        yield _starting(uow, word)
        return
    digits = reversed_digits(word)
    for part in fold(word):
        by_name = _starting(uow, part)
        if len(digits) < FEWEST_DIGITS:
            yield by_name
        else:
            yield select(union(by_name, _starting(uow, digits)).subquery().c.ref_id)


def _starting(uow: UnitOfWork, prefix: str) -> Select[tuple[UUID]]:
    """Ask by text range, the one form that an index serves under row-level security."""
    return select(_terms.c.ref_id).where(
        _terms.c.clinic_id == uow.clinic_id,
        _terms.c.kind == KIND,
        _terms.c.term >= prefix,
        _terms.c.term < _next(prefix),
    )


def _next(prefix: str) -> str:
    """Return the first text after all that begin with the prefix, in code point order."""
    return prefix + "\U0010ffff"
