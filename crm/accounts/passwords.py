"""Passwords: what a good one is (SEC-3), and hashing that can neither stall nor tell anything."""

import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from threading import BoundedSemaphore

from pwdlib.hashers import HasherProtocol
from pwdlib.hashers.argon2 import Argon2Hasher

from crm.core.errors import Invalid, TooMany
from crm.web.language import _

MIN_LENGTH = 15
MAX_LENGTH = 1024
_MIN_DISTINCT = 6
_MIN_OWN = 8
_RUNS = ("01234567890123456789", "abcdefghijklmnopqrstuvwxyz", "qwertyuiopasdfghjklzxcvbnm")
_COMMON = (
    "correcthorsebatterystaple",
    "iloveyou",
    "letmein",
    "password",
    "passwort",
    "contraseña",
    "changeme",
    "administrator",
    "admin",
    "welcome",
    "bienvenido",
    "teamomucho",
    "princess",
    "sunshine",
    "football",
    "baseball",
    "monkey",
    "dragon",
    "frontdesk",
    "qwertyuiop",
    "1qaz2wsx3edc4rfv",
    "qazwsxedc",
)


def normalised(password: str) -> str:
    """Return the password in one Unicode form, so that every keyboard types the same one."""
    return unicodedata.normalize("NFKC", password)


def check_rules(password: str, names: Sequence[str] = (), field: str = "password") -> None:
    """Refuse a password that is short, common, or little more than `names` (SEC-3).

    `names` are the user's, the clinic's and the email. Raises Invalid.
    """
    text = normalised(password)
    if len(text) < MIN_LENGTH:
        problem = _("Use at least %(least)s characters; a few words do well.", least=MIN_LENGTH)
        raise Invalid(problem, field=field)
    if len(text) > MAX_LENGTH:
        raise Invalid(_("Use at most %(most)s characters.", most=MAX_LENGTH), field=field)
    folded = text.casefold()
    if len(set(folded)) < _MIN_DISTINCT or _is_common(folded):
        raise Invalid(_("This password is too easy to guess; choose another one."), field=field)
    if _own(folded, _words(names)) < _MIN_OWN:
        raise Invalid(_("Do not build the password from your or the clinic's name."), field=field)


def _is_common(folded: str) -> bool:
    runs = [run[at : at + 5] for run in _RUNS for at in range(len(run) - 4)]
    backwards = [run[::-1] for run in runs]
    return _own(folded, [*_COMMON, *runs, *backwards]) < _MIN_OWN


def _own(folded: str, words: Sequence[str]) -> int:
    """Return how many letters and digits belong to none of the words, which may overlap."""
    covered: set[int] = set()
    for word in words:
        at = folded.find(word)
        while at >= 0:
            covered.update(range(at, at + len(word)))
            at = folded.find(word, at + 1)
    return sum(one.isalnum() for at, one in enumerate(folded) if at not in covered)


def _words(names: Sequence[str]) -> list[str]:
    parts = "".join(c if c.isalnum() else " " for name in names for c in f"{name} ".casefold())
    return [word for word in parts.split() if len(word) >= 3]


class Passwords:
    """Hashes with argon2id, a few at a time: one hash takes 64 MB and much of a second."""

    def __init__(
        self, hasher: HasherProtocol | None = None, *, at_once: int = 2, waiting: int = 8
    ) -> None:
        self._hasher = hasher or Argon2Hasher()
        self._at_once = BoundedSemaphore(at_once)
        self._places = BoundedSemaphore(at_once + waiting)
        # What an unknown account's password is compared with, so that it takes as long (SEC-5).
        self._nobody = self._hasher.hash("nobody has this password")

    @contextmanager
    def slot(self) -> Iterator[None]:
        """Hold a place to hash in; a full queue is refused, so that it cannot stall the pages.

        Raises TooMany.
        """
        if not self._places.acquire(blocking=False):
            raise TooMany(_("Many people are signing in just now."), retry_after=2)
        try:
            with self._at_once:
                yield
        finally:
            self._places.release()

    def hash(self, password: str) -> str:
        """Return the argon2id hash of a password; call it within a `slot`."""
        return self._hasher.hash(normalised(password))

    def verify(self, password: str, hashed: str | None) -> bool:
        """Return whether the password is right; without a hash it is not, and takes as long."""
        is_right = self._hasher.verify(normalised(password), hashed or self._nobody)
        return is_right and hashed is not None

    def is_outdated(self, hashed: str) -> bool:
        """Return whether a hash was made with other parameters than today's."""
        return self._hasher.check_needs_rehash(hashed)
