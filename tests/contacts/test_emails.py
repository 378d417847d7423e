"""Any paste of an address becomes one form to match and send by, or none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm.contacts.emails import parse


@pytest.mark.parametrize(
    ("paste", "address"),
    [
        ("ana@example.com", "ana@example.com"),
        ("  Ana.Lee@Example.COM\n", "ana.lee@example.com"),
        ("Ana Lee <ANA@example.com>", "ana@example.com"),
        ("<ana@example.com>", "ana@example.com"),
        ("MAILTO:ana@example.com", "ana@example.com"),
        ("ana+teeth@clinic.test", "ana+teeth@clinic.test"),
        ("ana@BÜCHER.example.org", "ana@bücher.example.org"),
        ("Jose\u0301@example.com", "josé@example.com"),
    ],
)
def test_any_paste_of_one_address_is_that_address(paste: str, address: str) -> None:
    assert parse(paste) == address


@pytest.mark.parametrize(
    "paste",
    [
        "",
        "ana",
        "ana@",
        "@example.com",
        "ana@example",
        "ana@localhost",
        "ana@nowhere.invalid",
        "a b@example.com",
        "ana@@example.com",
        "ana@example.com, ben@example.com",
        "ana\x00@example.com",
        "ana@example.com\r\nBcc: ben@example.com",
        "ana@[127.0.0.1]",
        "<<ana@example.com>>",
        "a" * 65 + "@example.com",
        "a" * 600 + "@example.com",
    ],
)
def test_what_is_no_address_is_none(paste: str) -> None:
    assert parse(paste) is None


@given(st.text(max_size=60) | st.emails() | st.text("aA@.<>é İß\x00-+", max_size=20))
def test_nothing_raises_and_the_result_is_its_own_normal_form(text: str) -> None:
    address = parse(text)
    if address is not None:
        assert parse(address) == address
        assert address == address.lower()
        assert parse(f"Somebody <{address}>") == address
