"""Finds the words of a template that nobody could translate."""

import re
from collections.abc import Iterator
from html import unescape
from html.parser import HTMLParser

from jinja2 import Environment, nodes

_LETTER = re.compile(r"[^\W\d_]")
# Prose among the strings of expressions: "Save", "no leads yet", but not "primary".
_PROSE = re.compile(r"[A-ZÁÉÍÓÚÑ][a-záéíóúñ]|[^\W\d_] [^\W\d_]")
_ATTRIBUTE = re.compile(r'([\w-]+)="([^"<>]*)"')
_FILLED = "\x01"  # stands for what {{ … }} puts in
_SHOWN = frozenset({"alt", "aria-description", "aria-label", "aria-roledescription", "label"})
_ALWAYS_SHOWN = _SHOWN | {"placeholder", "title"}
_BUTTONS = frozenset({"submit", "button", "reset"})
_VOID = frozenset({"area", "br", "col", "hr", "img", "input", "link", "meta", "source", "wbr"})
_SILENT = frozenset({"script", "style"})
_TRANSLATORS = frozenset({"_", "gettext", "ngettext"})
_NAMERS = frozenset({"asset", "url_for", "icon", "namespace"})

_environment = Environment(extensions=["jinja2.ext.i18n"], autoescape=True)


def bare_words(source: str) -> list[tuple[int, str]]:
    """Return (line, words) of every text, shown attribute or literal outside of `_()`.

    An element with `translate="no"` may say what it likes: names of languages, of the product.
    """
    reader = _Reader()
    reader.feed(_without_code(source))
    reader.close()
    return sorted({*reader.found, *_literals(source)})


def _without_code(source: str) -> str:
    """Return the template's text with its code blanked, its lines kept."""
    text, is_translated, starts_block = [], False, False
    for _line, kind, value in _environment.lex(source):
        if kind == "data":
            text.append("\n" * value.count("\n") if is_translated else value)
            continue
        if kind == "variable_begin":
            text.append(_FILLED)
        if kind == "name" and starts_block and value in ("trans", "endtrans"):
            is_translated = value == "trans"
        if kind != "whitespace":
            starts_block = kind == "block_begin"
        text.append("\n" * value.count("\n"))
    return "".join(text)


class _Reader(HTMLParser):
    """Collects what a browser would show of the words that stand in the markup."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=False)
        self.found: list[tuple[int, str]] = []
        self.silent: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        is_silent = values.get("translate") == "no" or tag in _SILENT
        if not self.silent and not is_silent:
            for name, value in values.items():
                if name in _ALWAYS_SHOWN or (name == "value" and self._is_button(tag, values)):
                    self._note(value)
        if tag not in _VOID and (self.silent or is_silent):
            self.silent.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in self.silent:
            while self.silent.pop() != tag:
                pass

    def handle_data(self, data: str) -> None:
        if self.silent:
            return
        # A macro may give attributes without their element.
        for name, value in _ATTRIBUTE.findall(data):
            if name in _ALWAYS_SHOWN:
                self._note(value)
        self._note(_ATTRIBUTE.sub("", data))

    def handle_entityref(self, name: str) -> None:
        self.handle_data(unescape(f"&{name};"))

    @staticmethod
    def _is_button(tag: str, values: dict[str, str]) -> bool:
        return tag == "input" and values.get("type") in _BUTTONS

    def _note(self, text: str) -> None:
        if _LETTER.search(text):
            before = text[: len(text) - len(text.lstrip())]
            self.found.append((self.getpos()[0] + before.count("\n"), " ".join(text.split())))


def _literals(source: str) -> Iterator[tuple[int, str]]:
    """Yield the strings of the template's own code that read like prose and miss `_()`."""
    waiting: list[nodes.Node] = [_environment.parse(source)]
    while waiting:
        node = waiting.pop()
        if isinstance(node, nodes.Const) and isinstance(node.value, str):
            if _PROSE.search(node.value):
                yield node.lineno, node.value
            continue
        if isinstance(node, nodes.Call) and _called(node) in _TRANSLATORS | _NAMERS:
            waiting += [keyword.value for keyword in node.kwargs]
            continue
        if isinstance(node, nodes.Compare):
            continue  # compared, not shown
        waiting += node.iter_child_nodes()


def _called(call: nodes.Call) -> str:
    if isinstance(call.node, nodes.Name):
        return call.node.name
    return call.node.attr if isinstance(call.node, nodes.Getattr) else ""
