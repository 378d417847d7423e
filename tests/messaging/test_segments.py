"""A text is measured as carriers split it (TW-70)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm.messaging.segments import Segments, measure

GSM = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    "ÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
EXTENDED = "^{}\\[~]|€"


@pytest.mark.parametrize(
    ("body", "encoding", "units", "parts"),
    [
        ("", "GSM-7", 0, 0),
        ("a", "GSM-7", 1, 1),
        ("a" * 160, "GSM-7", 160, 1),
        ("a" * 161, "GSM-7", 161, 2),
        ("a" * 306, "GSM-7", 306, 2),
        ("a" * 307, "GSM-7", 307, 3),
        ("€" * 80, "GSM-7", 160, 1),
        ("€" * 81, "GSM-7", 162, 2),
        ("a" * 152 + "€" + "a" * 152, "GSM-7", 306, 3),  # the pair does not fit at 153
        ("ç", "UCS-2", 1, 1),
        ("`", "UCS-2", 1, 1),
        ("’" + "a" * 69, "UCS-2", 70, 1),  # noqa: RUF001 -- the quote that phones type
        ("’" + "a" * 70, "UCS-2", 71, 2),  # noqa: RUF001
        ("😀", "UCS-2", 2, 1),
        ("😀" * 35, "UCS-2", 70, 1),
        ("😀" * 36, "UCS-2", 72, 2),
        ("😀" * 66, "UCS-2", 132, 2),  # 33 whole pairs fit a part of 67
        ("😀" * 67, "UCS-2", 134, 3),
        ("\ud800", "UCS-2", 1, 1),
    ],
)
def test_texts_are_measured(body: str, encoding: str, units: int, parts: int) -> None:
    assert measure(body) == Segments(encoding, units, parts)  # type: ignore[arg-type]


def test_every_character_of_the_alphabet_counts_once_and_the_extension_twice() -> None:
    assert len(set(GSM)) == 127
    assert {measure(char) for char in GSM} == {Segments("GSM-7", 1, 1)}
    assert {measure(char) for char in EXTENDED} == {Segments("GSM-7", 2, 1)}


@given(st.text(GSM + EXTENDED, max_size=700) | st.text(max_size=400))
def test_the_parts_hold_the_text_and_none_is_spare(body: str) -> None:
    measured = measure(body)
    single, part = (160, 153) if measured.encoding == "GSM-7" else (70, 67)
    if measured.encoding == "UCS-2":
        assert measured.units == len(body.encode("utf-16-le", "surrogatepass")) // 2
    if measured.units <= single:
        assert measured.parts == min(1, measured.units)
    else:
        # One unit of a part may stay empty, where a pair did not fit.
        assert measured.parts >= -(-measured.units // part)
        assert measured.units > (measured.parts - 1) * (part - 1)
