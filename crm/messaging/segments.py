"""How many parts a text is sent, and billed, as (TW-70)."""

from dataclasses import dataclass
from typing import Literal

GSM_SINGLE, GSM_PART = 160, 153
UCS_SINGLE, UCS_PART = 70, 67

GSM_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
GSM_EXTENDED = frozenset("^{}\\[~]|€\f")


@dataclass(frozen=True, slots=True)
class Segments:
    """A measured text: `units` are septets in GSM-7 and 16-bit units in UCS-2; no text, no part."""

    encoding: Literal["GSM-7", "UCS-2"]
    units: int
    parts: int


def measure(body: str) -> Segments:
    """Measure a text as carriers do: one character outside GSM-7 turns all of it to UCS-2."""
    gsm = all(char in GSM_BASIC or char in GSM_EXTENDED for char in body)
    if gsm:
        widths = [2 if char in GSM_EXTENDED else 1 for char in body]
        return Segments("GSM-7", sum(widths), _parts(widths, GSM_SINGLE, GSM_PART))
    widths = [2 if ord(char) > 0xFFFF else 1 for char in body]
    return Segments("UCS-2", sum(widths), _parts(widths, UCS_SINGLE, UCS_PART))


def _parts(widths: list[int], single: int, part: int) -> int:
    """Fill parts in order; what is two units wide is never split over two parts."""
    if sum(widths) <= single:
        return min(1, len(widths))
    parts, used = 1, 0
    for width in widths:
        if used + width > part:
            parts, used = parts + 1, 0
        used += width
    return parts
