"""Search terms: what is stored of a name or a phone, and what a typed search becomes."""

import re
from unicodedata import normalize

LONGEST_WORD = 64
"""Characters kept of one word; longer terms find nothing that these do not."""

MOST_WORDS = 32
"""Words kept of one text."""

# Letters that Unicode does not take apart into a base letter and a mark; \u0131 is the dotless i.
_PLAIN = str.maketrans(
    {"ø": "o", "ł": "l", "đ": "d", "ð": "d", "ħ": "h", "\u0131": "i"}
    | {"æ": "ae", "œ": "oe", "þ": "th"}
)
_MARKS = re.compile("[\u0300-\u036f]")
# The apostrophes that people type, and the full stop of "A.J."
_INSIDE_A_WORD = re.compile("['\u2018\u2019\u02bc\u02bb`\u00b4.]")
_WORD = re.compile(r"[^\W_]+")
_NOT_A_DIGIT = re.compile(r"[^0-9]")


def fold(text: str) -> list[str]:
    """Return the words of a text as search terms, each once: "José O'Brien" → jose, obrien.

    Case and accents are gone, apostrophes and full stops join, everything else separates.
    """
    plain = _plain(_INSIDE_A_WORD.sub("", text))
    words = (word[:LONGEST_WORD] for word in _WORD.findall(plain))
    return list(dict.fromkeys(words))[:MOST_WORDS]


def reversed_digits(number: str) -> str:
    """Return the digits of a number, last first: a search by the last digits is a prefix search."""
    return _NOT_A_DIGIT.sub("", normalize("NFKC", number))[::-1]


def _plain(text: str) -> str:
    """Fold case and take off the marks of Latin, Greek and Cyrillic letters."""
    folded = normalize("NFKD", normalize("NFKD", text).casefold())
    return normalize("NFC", _MARKS.sub("", folded).translate(_PLAIN))
