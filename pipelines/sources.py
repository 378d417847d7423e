"""Where leads come from, as it is said and coloured."""

from collections.abc import Mapping
from zlib import crc32

from crm.web.language import N_, _

NAMES: Mapping[str, str] = {
    "form": N_("Website"),
    "api": N_("Partner site"),
    "walk_in": N_("Walk-in"),
    "phone_call": N_("Phone call"),
    "referral": N_("Referral"),
    "google_ads": N_("Google Ads"),
    "meta_ads": N_("Meta Ads"),
}
TONES: Mapping[str, str] = {
    "form": "green",
    "api": "plain",
    "walk_in": "plain",
    "phone_call": "orange",
    "referral": "green",
    "google_ads": "blue",
    "meta_ads": "purple",
}
_OTHER_TONES = ("blue", "green", "purple", "orange", "plain")


def source_name(code: str) -> str:
    """Return a source in words; a code that a partner made up reads as it was written."""
    if code in NAMES:
        return _(NAMES[code])
    words = code.replace("_", " ")
    return words[:1].upper() + words[1:]


def source_tone(code: str) -> str:
    """Return the tone of a source's badge, always the same one."""
    return TONES.get(code) or _OTHER_TONES[crc32(code.encode()) % len(_OTHER_TONES)]
