"""Names are found however their accents, case and apostrophes are typed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm.contacts.names import LONGEST_WORD, MOST_WORDS, fold, reversed_digits


@pytest.mark.parametrize(
    ("name", "terms"),
    [
        ("José O'Brien", ["jose", "obrien"]),
        ("José O\u2019Brien", ["jose", "obrien"]),
        ("Smith-Jones", ["smith", "jones"]),
        ("A.J. van der Berg", ["aj", "van", "der", "berg"]),
        ("Søren Łukasz Đorđe", ["soren", "lukasz", "dorde"]),
        ("STRAẞE straße STRASSE", ["strasse"]),
        ("İpek I\u015f\u0131k", ["ipek", "isik"]),
        ("Ａｎａ", ["ana"]),  # noqa: RUF001 -- full width
        ("Ana ana ANA", ["ana"]),
        ("李 小龍", ["李", "小龍"]),
        ("김 민수", ["김", "민수"]),
        ("_ - ' . \x00", []),
        ("", []),
    ],
)
def test_names_are_folded_into_their_words(name: str, terms: list[str]) -> None:
    assert fold(name) == terms


@given(st.text())
def test_folding_what_was_folded_changes_nothing(text: str) -> None:
    terms = fold(text)
    assert fold(" ".join(terms)) == terms
    assert len(set(terms)) == len(terms) <= MOST_WORDS
    assert all(0 < len(term) <= LONGEST_WORD and term.isalnum() for term in terms)


@given(st.text("abcdeéøüñ '-", max_size=40))
def test_a_search_typed_in_capitals_finds_the_same(text: str) -> None:
    assert fold(text.upper()) == fold(text)


@given(st.from_regex(r"\+[0-9]{5,15}", fullmatch=True), st.integers(1, 5))
def test_the_last_digits_of_a_number_are_a_prefix_of_its_term(number: str, last: int) -> None:
    assert reversed_digits(number).startswith(reversed_digits(number[-last:]))


def test_reversed_digits_are_ascii_digits_alone() -> None:
    assert reversed_digits("+1 (212) 555-0102") == "20105552121"
    assert reversed_digits("０１") == "10"  # noqa: RUF001 -- full width
    assert reversed_digits("none") == ""
