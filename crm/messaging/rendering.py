"""Templates: compiled once, filled with plain words, never able to run away (SEC-10)."""

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Any, ClassVar
from unicodedata import category

from liquid import BoundTemplate, Environment, RenderContext
from liquid.exceptions import LiquidError, OutputStreamLimitError
from liquid.undefined import FalsyStrictUndefined, is_undefined
from liquid.utils import ReadOnlyChainMap

from crm.core.errors import N_, DomainError
from crm.messaging import grammar
from crm.messaging.grammar import WHOLE, TemplateRefused
from crm.web.language import _, current_language, gettext

TEXT_LIMIT = 1600
"""Characters of a text, an emoji counting as two (TW-40)."""

SOURCE_LIMIT = 10_000
"""Characters of a template's source."""

EMAIL_LIMIT = 12_000
"""Characters of an email's words once filled in."""

MERGE_FIELDS = frozenset(
    {"first_name", "last_name", "clinic_name", "clinic_phone", "service", "booking_link"}
)
"""What a template may say about the person and the clinic."""

_NAMED: Mapping[str, str] = {
    "first_name": N_("first name"),
    "last_name": N_("last name"),
    "clinic_name": N_("clinic's name"),
    "clinic_phone": N_("clinic's phone"),
    "service": N_("service"),
    "booking_link": N_("booking link"),
}

_OPENS = re.compile(r"\{%-?\s*(?:els)?if\b")
_INVISIBLE = frozenset({"Cc", "Cs", "Zl", "Zp"})
_TURNS_TEXT_ROUND = frozenset("\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


class MissingValue(DomainError):
    """The template needs a value that is not known; `name` says which merge field."""

    code = "missing_value"
    title = N_("Something this text needs is not known")

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(f"{name} is not known", field=name)


class TextTooLong(DomainError):
    """The text is over `limit` characters once filled in (TW-40)."""

    code = "text_too_long"
    title = N_("This text is too long")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        super().__init__(f"over {limit} characters", field="body")


class _Missing(FalsyStrictUndefined):
    """A value that is not known: false in an `if`, replaced by `default`, refused elsewhere."""

    def __str__(self) -> str:
        raise MissingValue(self.name)


class _Context(RenderContext):
    """Names the given values only: Liquid's own `now` and `today` are no merge fields."""

    def __init__(self, template: BoundTemplate, **options: Any) -> None:
        super().__init__(template, **options)
        self.scope = ReadOnlyChainMap(self.globals)


class _Template(BoundTemplate):
    context_class = _Context

    def make_partial_namespace(
        self, partial: bool, render_args: Mapping[str, object]
    ) -> Mapping[str, object]:
        """Add none of the names that Liquid would: not even whether it is a partial."""
        return render_args


class _Environment(Environment):
    template_class = _Template
    suppress_blank_control_flow_blocks = False
    block_nesting_limit: ClassVar[int] = grammar.DEEPEST_IF + 1
    local_namespace_limit: ClassVar[int | None] = 1
    loop_iteration_limit: ClassVar[int | None] = 1
    output_stream_limit: ClassVar[int | None] = 4 * EMAIL_LIMIT

    def setup_tags_and_filters(self, *, extra: bool = False) -> None:
        """Keep what the grammar knows, so that nothing else can be parsed or called."""
        super().setup_tags_and_filters(extra=extra)
        kept = ("content", "output", "illegal", "if")
        self.tags = {name: tag for name, tag in self.tags.items() if name in kept}
        self.filters = dict(_FILTERS)


def _capitalize(value: object) -> str:
    """Raise the first letter and leave the others as they are: a name is as its owner wrote it."""
    words = str(value)
    return words[:1].upper() + words[1:]


def _default(value: object, otherwise: str) -> str:
    return otherwise if is_undefined(value) else str(value)


def _truncate(value: object, length: int) -> str:
    words, length = str(value), max(length, 1)
    if len(words) <= length:
        return words
    return words[: length - 3].rstrip() + "..." if length > 3 else words[:length]


_FILTERS: dict[str, Callable[..., str]] = {
    "capitalize": _capitalize,
    "default": _default,
    "downcase": lambda value: str(value).lower(),
    "truncate": _truncate,
    "upcase": lambda value: str(value).upper(),
}

_ENVIRONMENT = _Environment(undefined=_Missing)


@dataclass(frozen=True, slots=True)
class Compiled:
    """A template that passed the grammar; `lines` says where each merge field first stands."""

    template: BoundTemplate
    lines: Mapping[str, int]

    @property
    def variables(self) -> frozenset[str]:
        """The merge fields it mentions, also those in an `if` that may not be reached."""
        return frozenset(self.lines)

    def render(self, values: Mapping[str, object], limit: int = TEXT_LIMIT) -> str:
        """Fill in the values, once: what a value says is never read as template.

        None, False and blank count as not known. Control characters in values become spaces.
        Raises MissingValue, TextTooLong.
        """
        known = {name: words for name, value in values.items() if (words := _words(value))}
        try:
            body = self.template.render(known).strip()
        except OutputStreamLimitError:
            raise TextTooLong(limit) from None
        if len(body.encode("utf-16-le")) // 2 > limit:
            raise TextTooLong(limit)
        return body


def check(source: str, allowed: Collection[str] = MERGE_FIELDS) -> Compiled:
    """Compile a template that may mention only these merge fields. Raises TemplateRefused."""
    compiled = compile(source)
    for name, line in compiled.lines.items():
        if name not in allowed:
            raise TemplateRefused(line, N_("there is no merge field “%(name)s”"), name=name)
    return compiled


@lru_cache(maxsize=512)
def compile(source: str) -> Compiled:
    """Compile a template, or say in which line and why not. Raises TemplateRefused."""
    if len(source) > SOURCE_LIMIT:
        raise TemplateRefused(
            1, N_("it is longer than %(limit)s characters"), limit=str(SOURCE_LIMIT)
        )
    source = source.replace("\r\n", "\n")
    _refuse_control_characters(source)
    grammar.check_marks(source)
    try:
        template = _ENVIRONMENT.from_string(source)
    except LiquidError as error:
        raise _refused(source, error) from error
    lines = grammar.check_nodes(template.nodes, _Context(template))
    return Compiled(template, MappingProxyType(lines))


def merge_fields(allowed: Collection[str] = MERGE_FIELDS) -> list[tuple[str, str]]:
    """Return what a template may say, each as it is written and as people call it."""
    return [("{{ " + name + " }}", _(what)) for name, what in _NAMED.items() if name in allowed]


def placeholders(language: str) -> dict[str, str]:
    """Return what stands for each merge field whose value is not known: "[first name]"."""
    return {name: f"[{gettext(language, what)}]" for name, what in _NAMED.items()}


def why_refused(source: str) -> str:
    """Return in which line a template cannot be used and why; nothing for one that can."""
    try:
        check(source)
    except TemplateRefused as refused:
        return said(refused)
    return ""


def called(name: str) -> str:
    """Return what a merge field is called; an unknown one as it is written."""
    return _(_NAMED[name]) if name in _NAMED else name


def said(refused: TemplateRefused) -> str:
    """Return in which line something cannot be used and why, as people read it."""
    reason = _(refused.message, **refused.params)
    if refused.line == WHOLE:
        return reason
    return _("Line %(line)s: %(reason)s", line=refused.line, reason=reason)


def preview(
    source: str,
    values: Mapping[str, object] = MappingProxyType({}),
    limit: int = TEXT_LIMIT,
) -> str:
    """Return what a template says, with "[first name]" and the like where no value is known."""
    known = {name: value for name, value in values.items() if value}
    try:
        return compile(source).render(placeholders(current_language()) | known, limit)
    except DomainError:
        return source


def _refuse_control_characters(source: str) -> None:
    for index, char in enumerate(source):
        if char != "\n" and category(char) in _INVISIBLE:
            raise TemplateRefused(
                grammar.line_at(source, index), N_("it contains a character that cannot be sent")
            )


def _refused(source: str, error: LiquidError) -> TemplateRefused:
    """Keep the line; the parser's own words speak of tokens and help nobody."""
    index = error.token.start_index if error.token else -1
    line = grammar.line_at(source, index) if index >= 0 else _first_unreadable(source)
    return TemplateRefused(line, N_("it cannot be read from here on"))


def _first_unreadable(source: str) -> int:
    """Return the line of the first mark that cannot be parsed alone, where the parser knows none.

    It knows none when a mark ends too early, as in `{{ name | }}`.
    """
    for line, mark in grammar.marks(source):
        alone = mark
        if mark.startswith("{%"):
            opens = mark.replace("elsif", "if", 1) + "{% endif %}"
            alone = opens if _OPENS.match(mark) else ""
        try:
            _ENVIRONMENT.from_string(alone)
        except LiquidError:
            return line
    return 1


def _words(value: object) -> str:
    """Return a value as one line of visible words; empty where it is not known."""
    if value is None or value is False:
        return ""
    visible = (" " if category(char) in _INVISIBLE else char for char in str(value))
    return "".join(char for char in visible if char not in _TURNS_TEXT_ROUND).strip()
