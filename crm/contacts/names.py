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


def may_be_one(one: str, other: str) -> bool:
    """Return whether two names may be one person's; a missing name may be anybody's.

    "Ana" and "Ana Díaz López" may, "A. Diaz" and "Ana Diaz", "Dan" and "Daniel"; two given names
    with one family name may not.
    """
    fewer, more = sorted((fold(one), fold(other)), key=len)
    return all(any(_are_alike(word, known) for known in more) for word in fewer)


def share_a_word(one: str, other: str) -> bool:
    """Return whether two names have anything in common; a missing name has it with any."""
    words, others = fold(one), fold(other)
    if not words or not others:
        return True
    return any(_are_alike(word, known) for word in words for known in others)


def _are_alike(one: str, other: str) -> bool:
    """Equal, an initial, or a short form of at least three letters."""
    short, long = sorted((one, other), key=len)
    return short == long or (len(short) != 2 and long.startswith(short))


def _plain(text: str) -> str:
    """Fold case and take off the marks of Latin, Greek and Cyrillic letters."""
    folded = normalize("NFKD", normalize("NFKD", text).casefold())
    return normalize("NFC", _MARKS.sub("", folded).translate(_PLAIN))
