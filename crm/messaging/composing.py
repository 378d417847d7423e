"""A person's text before it is queued: its merge fields filled in, its parts counted and priced."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from crm.messaging import rendering
from crm.messaging.segments import Segments, measure
from crm.web.language import gettext

MERGE_MARKS = ("{{", "{%")


@dataclass(frozen=True, slots=True)
class Composed:
    """What a text will say as it leaves, and how many parts it is sent and billed as (TW-71)."""

    words: str
    segments: Segments

    def price(self, of_one: Decimal | None) -> Decimal | None:
        """Return what the parts cost; None where a part's price is not known."""
        return None if of_one is None else of_one * self.segments.parts


def merge_values(
    name: str | None, clinic_name: str, clinic_phone: str | None, **more: object
) -> dict[str, object]:
    """Return what the merge fields of a text mean for a person."""
    first, _, last = (name or "").strip().partition(" ")
    return {
        "first_name": first,
        "last_name": last.strip(),
        "clinic_name": clinic_name,
        "clinic_phone": clinic_phone,
        **more,
    }


def fill(body: str, values: Mapping[str, object]) -> str:
    """Fill in the merge fields of what a person wrote; other words are left as they are.

    Raises TemplateRefused, MissingValue, TextTooLong.
    """
    if not any(mark in body for mark in MERGE_MARKS):
        return body.strip()
    return rendering.check(body).render(values)


def compose(
    body: str,
    values: Mapping[str, object],
    *,
    is_first: bool,
    clinic_name: str,
    language: str,
) -> Composed:
    """Return what a person's text says as it leaves: the first one tells the way out.

    Raises what `fill` raises.
    """
    filled = fill(body, values)
    if filled:
        filled = complete(filled, clinic_name, language, is_first=is_first, is_automated=False)
    return Composed(filled, measure(filled))


def complete(
    body: str, clinic_name: str, language: str, *, is_first: bool, is_automated: bool
) -> str:
    """Name the clinic in every automated text, and tell the way out in the first (LAW-31, 34)."""
    if (is_automated or is_first) and not _names(body, clinic_name):
        body = f"{clinic_name}: {body}"
    if is_first and not ("STOP" in body and "HELP" in body):
        body = f"{body}\n\n{way_out(language)}"
    return body


def _names(body: str, clinic_name: str) -> bool:
    return clinic_name.casefold() in body.casefold()


def way_out(language: str) -> str:
    """Return how somebody ends our texts, in a language."""
    return gettext(
        language,
        "Reply STOP to opt out, HELP for help. Msg frequency varies. Msg & data rates may apply.",
    )
