"""The language of what is rendered: English in the code, other languages in `locale/`.

`_()` translates when it is called, into the language of the request being answered; a message that
is a constant is marked with `N_` where it stands and passed through `_()` where it is shown.
"""

import io
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from gettext import GNUTranslations, NullTranslations
from pathlib import Path
from typing import Any

from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

from crm.core.errors import N_

__all__ = [
    "LANGUAGES",
    "N_",
    "_",
    "best_language",
    "current_language",
    "gettext",
    "ngettext",
    "plural_form",
    "speaking",
]

LANGUAGES = ("en", "es")
LOCALE = Path(__file__).parent / "locale"

# The request's own state, not a copy: a dependency that runs in another thread and sets
# `request.state.language` is seen by the route and its templates.
_state: ContextVar[Mapping[str, Any] | None] = ContextVar("language_state", default=None)


def catalog_paths(language: str, locale: Path = LOCALE) -> list[Path]:
    """Return the .po files of a language, one for each package that has strings."""
    return sorted((locale / language / "LC_MESSAGES").glob("*.po"))


def read_catalog(path: Path, language: str) -> Catalog:
    """Read one .po file; a malformed one raises."""
    with path.open("rb") as file:
        return read_po(file, locale=language, abort_invalid=True)


@cache
def _translations(language: str) -> NullTranslations:
    if language not in LANGUAGES:
        raise ValueError(f"unknown language {language!r}")
    chain = NullTranslations()
    for path in catalog_paths(language):
        compiled = io.BytesIO()
        write_mo(compiled, read_catalog(path, language))
        compiled.seek(0)
        translations = GNUTranslations(compiled)
        translations.add_fallback(chain)
        chain = translations
    return chain


def load() -> None:
    """Read every catalog now, so that a broken one stops the start and not a page."""
    for language in LANGUAGES:
        _translations(language)


def current_language() -> str:
    """Return the language of the request being answered, English outside of one."""
    language = (_state.get() or {}).get("language")
    return language if language in LANGUAGES else "en"


@contextmanager
def listening(state: MutableMapping[str, Any]) -> Iterator[None]:
    """Take the language from this request's state while the block runs."""
    token = _state.set(state)
    try:
        yield
    finally:
        _state.reset(token)


@contextmanager
def speaking(language: str) -> Iterator[None]:
    """Translate into this language while the block runs: for texts and emails to a patient."""
    token = _state.set({"language": language})
    try:
        yield
    finally:
        _state.reset(token)


def gettext(language: str, message: str, /, **values: object) -> str:
    """Return the message in a language, with its `%(name)s` filled; unknown ones stay English."""
    translated = _translations(language).gettext(message) if message else ""
    return translated % values if values else translated


def _(message: str, /, **values: object) -> str:
    """Return the message in the request's language, with its `%(name)s` filled."""
    return gettext(current_language(), message, **values)


def plural_form(one: str, many: str, count: int) -> str:
    """Return the form for `count` in the request's language, its placeholders unfilled."""
    return _translations(current_language()).ngettext(one, many, count)


def ngettext(one: str, many: str, count: int, /, **values: object) -> str:
    """Return the form for `count` in the request's language; `%(num)s` is the count."""
    return plural_form(one, many, count) % {"num": count, **values}


def best_language(accept_language: str) -> str:
    """Return the language of ours that an Accept-Language header likes best, else English."""
    wishes: list[tuple[float, int, str]] = []
    for position, part in enumerate(accept_language.split(",")[:20]):
        name, _sep, weight = part.partition(";q=")
        try:
            liking = float(weight) if weight else 1.0
        except ValueError:
            continue
        wishes.append((-liking, position, name.strip().split("-")[0].lower()))
    known = (name for liking, _position, name in sorted(wishes) if name in LANGUAGES and liking < 0)
    return next(known, "en")
