"""Keeps the translations whole: `python -m crm.web.translations check` or `update`.

`check` fails on a message without its Spanish, on a translation with other placeholders than its
message, and on words that stand in a template outside of `_()`. `update` adds what is missing, with
an empty translation, to the catalog of the package that says it.
"""

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_file
from babel.messages.pofile import write_po
from jinja2.ext import babel_extract

from crm.web.language import LANGUAGES, LOCALE, catalog_paths, read_catalog
from crm.web.wording import bare_words

ROOT = Path(__file__).parents[2]
PACKAGES = ("crm", "pipelines", "automations", "workers", "webhooks")
KEYWORDS = {"_": None, "N_": None, "ngettext": (1, 2), "gettext": (2,)}
JINJA = ["_", "gettext", "ngettext"]
_PLACEHOLDER = re.compile(r"%\((\w+)\)[sd]")

MessageId = str | tuple[str, ...]


@dataclass(frozen=True)
class Said:
    """One message and where it is said first."""

    message: MessageId
    path: Path
    line: int

    @property
    def key(self) -> str:
        """The id that catalogs are searched by: a plural's first form."""
        return self.message if isinstance(self.message, str) else self.message[0]


def extract(root: Path = ROOT) -> dict[str, Said]:
    """Return every message of the packages' code and templates by its key."""
    said: dict[str, Said] = {}
    for path in sources(root, "*.py"):
        for line, message, _comments, _context in extract_from_file("python", path, KEYWORDS):
            _note(said, message, path, line)
    for path in sources(root, "*.html"):
        with path.open("rb") as file:
            options = {"trimmed": "true"}
            for line, _function, words, _comments in babel_extract(file, JINJA, [], options):
                _note(said, words, path, line)
    return said


def _note(said: dict[str, Said], message: object, path: Path, line: int) -> None:
    parts = message if isinstance(message, tuple | list) else (message,)
    words = tuple(part for part in parts if isinstance(part, str))
    if words:
        one = Said(words[0] if len(words) == 1 else words, path, line)
        said.setdefault(one.key, one)


def sources(root: Path, pattern: str) -> Iterator[Path]:
    """Yield the packages' files of a kind, in a stable order."""
    for package in PACKAGES:
        yield from sorted((root / package).rglob(pattern))


def check(root: Path = ROOT, locale: Path = LOCALE) -> list[str]:
    """Return every fault, as `path:line: what`; an empty list means that all is well."""
    faults = []
    said = extract(root)
    for language in LANGUAGES[1:]:
        faults += _said_twice(locale, language)
        known = _known(locale, language)
        for key, one in said.items():
            fault = _fault(one, known.get(key))
            if fault:
                where = one.path.relative_to(root)
                faults.append(f"{where}:{one.line}: {fault} ({language}): {key!r}")
    for path in sources(root, "*.html"):
        words = bare_words(path.read_text(encoding="utf-8"))
        faults += [f"{path.relative_to(root)}:{line}: not in _(): {text!r}" for line, text in words]
    return faults


def _known(locale: Path, language: str) -> dict[str, tuple[str, ...]]:
    """Return the finished translations by key: their forms, one or (for a plural) several."""
    known: dict[str, tuple[str, ...]] = {}
    for entry in _entries(locale, language):
        # A fuzzy entry is not compiled: it would be shown in English.
        forms = (entry.string,) if isinstance(entry.string, str) else tuple(entry.string or ())
        if not entry.fuzzy and forms and all(forms):
            known.setdefault(_key(entry), forms)
    return known


def _said_twice(locale: Path, language: str) -> list[str]:
    """Return what two catalogs translate differently: each page would get either at random."""
    forms: dict[str, set[str]] = {}
    for entry in _entries(locale, language):
        forms.setdefault(_key(entry), set()).add(str(entry.string))
    return [f"{key!r} has two translations ({language})" for key in forms if len(forms[key]) > 1]


def _entries(locale: Path, language: str) -> Iterator[Message]:
    for path in catalog_paths(language, locale):
        yield from (entry for entry in read_catalog(path, language) if entry.id)


def _key(entry: Message) -> str:
    return entry.id if isinstance(entry.id, str) else entry.id[0]


def _fault(one: Said, forms: tuple[str, ...] | None) -> str | None:
    if not forms:
        return "no translation"
    if isinstance(one.message, tuple) and len(forms) < 2:
        return "no plural"
    originals = (one.message,) if isinstance(one.message, str) else one.message
    wanted = {name for text in originals for name in _PLACEHOLDER.findall(text)}
    if any(set(_PLACEHOLDER.findall(form)) - wanted for form in forms):
        return "other placeholders"
    return None


def update(root: Path = ROOT, locale: Path = LOCALE) -> int:
    """Add every missing message to its package's catalogs, untranslated; return how many."""
    added = 0
    said = extract(root)
    for language in LANGUAGES[1:]:
        listed = {_key(entry) for entry in _entries(locale, language)}
        missing: dict[str, list[Said]] = {}
        for key, one in said.items():
            if key not in listed:
                missing.setdefault(package_of(one.path.relative_to(root)), []).append(one)
        for package, ones in missing.items():
            _append(locale / language / "LC_MESSAGES" / f"{package}.po", language, ones)
            added += len(ones)
    return added


def package_of(path: Path) -> str:
    """Return the catalog's name of a source: `pipelines`, or `accounts` for `crm/accounts/…`."""
    is_inner = path.parts[0] == "crm" and len(path.parts) > 2
    return path.parts[1] if is_inner else path.parts[0]


def _append(path: Path, language: str, ones: list[Said]) -> None:
    catalog = read_catalog(path, language) if path.exists() else Catalog(locale=language)
    for one in ones:
        catalog.add(one.message)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        write_po(file, catalog, width=100, sort_output=True, omit_header=True)


def main(arguments: list[str]) -> int:
    """Run `check` or `update`; return the exit status."""
    if arguments == ["update"]:
        sys.stdout.write(f"{update()} messages added\n")
        return 0
    if arguments != ["check"]:
        sys.stderr.write("usage: python -m crm.web.translations check|update\n")
        return 2
    faults = check()
    sys.stdout.write("".join(f"{fault}\n" for fault in faults))
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
