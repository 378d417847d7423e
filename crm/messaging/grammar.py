"""What a template may be written with: merge fields, `if`, and five filters (SEC-10).

The source is read twice. `check_marks` looks at it before the Liquid parser does: each mark is
closed and short, each tag is an allowed one and in its place; so the parser never meets text that
is slow to read or that it would quietly drop. `check_nodes` then looks at what the parser made of
it. What passes both cannot fail when it is rendered, except for want of a value or of room.
"""

import re
from collections.abc import Iterable, Iterator

from liquid import RenderContext
from liquid.ast import BlockNode, ConditionalBlockNode, Node
from liquid.builtin.content import ContentNode
from liquid.builtin.expressions import BooleanExpression, FilteredExpression, Path, StringLiteral
from liquid.builtin.expressions.arguments import PositionalArgument
from liquid.builtin.expressions.filtered import Filter
from liquid.builtin.expressions.logical import (
    EqExpression,
    LogicalAndExpression,
    LogicalOrExpression,
    NeExpression,
)
from liquid.builtin.expressions.primitive import IntegerLiteral
from liquid.builtin.output import OutputNode
from liquid.builtin.tags.if_tag import IfNode
from liquid.expression import Expression

from crm.core.errors import N_, Invalid

LONGEST_MARK = 200
"""Characters of one `{{ … }}` or `{% … %}`."""

DEEPEST_IF = 5

FILTERS: dict[str, tuple[type[Expression], ...]] = {
    "capitalize": (),
    "default": (StringLiteral,),
    "downcase": (),
    "truncate": (IntegerLiteral,),
    "upcase": (),
}
"""The filters and what each must be given."""

_MARK = re.compile(r"\{\{|\{%")
_FIELD = re.compile(r"[a-z][a-z0-9_]*")
_TAG = re.compile(r"-?\s*(\w+)?\s*(.*?)\s*-?", re.DOTALL)
_NODES = (ContentNode, OutputNode, IfNode, BlockNode, ConditionalBlockNode)


WHOLE = 0
"""The line of what is said of a template as a whole: a sentence of its own."""


class TemplateRefused(Invalid):
    """The template is written with something that is not allowed; `line` counts from 1, or `WHOLE`.

    `message` with `params` is the reason for translation, `reason` the same in English.
    """

    code = "template_refused"
    title = N_("This template cannot be used")

    def __init__(self, line: int, message: str, **params: str) -> None:
        self.line = line
        self.message = message
        self.params = params
        self.reason = message % params
        place = "" if line == WHOLE else f"Line {line}: "
        super().__init__(f"{place}{self.reason}", field="body")


def line_at(source: str, index: int) -> int:
    """Return the line, from 1, of a place in the source."""
    return source.count("\n", 0, max(index, 0)) + 1


def marks(source: str) -> Iterator[tuple[int, str]]:
    """Yield each `{{ … }}` and `{% … %}` with its line; refuse one that is not closed or long."""
    position = 0
    while mark := _MARK.search(source, position):
        line = line_at(source, mark.start())
        closing = "}}" if mark[0] == "{{" else "%}"
        end = source.find(closing, mark.end(), mark.end() + LONGEST_MARK)
        if end < 0:
            raise TemplateRefused(
                line, N_("%(mark)s is never closed, or is too long"), mark=mark[0]
            )
        position = end + len(closing)
        yield line, source[mark.start() : position]


def check_marks(source: str) -> None:
    """Refuse marks that are not closed, too long, or tags other than a well-formed `if`."""
    open_ifs: list[tuple[int, bool]] = []  # the line of each, and whether its else was seen
    for line, mark in marks(source):
        if mark.startswith("{%"):
            _check_tag(mark[2:-2], line, open_ifs)
    if open_ifs:
        raise TemplateRefused(open_ifs[-1][0], N_("this “if” has no “endif”"))


def _check_tag(inside: str, line: int, open_ifs: list[tuple[int, bool]]) -> None:
    """Follow the nesting of `if`, `elsif`, `else` and `endif`; refuse every other tag."""
    found = _TAG.fullmatch(inside)
    name, rest = (found[1] or "", found[2]) if found else ("", "")
    if name not in ("if", "elsif", "else", "endif"):
        raise TemplateRefused(line, N_("“%(tag)s” is not allowed; only “if” is"), tag=name)
    if (name in ("if", "elsif")) != bool(rest):
        raise TemplateRefused(line, N_("“%(tag)s” is not written as it should be"), tag=name)
    if name == "if":
        open_ifs.append((line, False))
        if len(open_ifs) > DEEPEST_IF:
            raise TemplateRefused(line, N_("too many “if” inside each other"))
        return
    if not open_ifs or (name != "endif" and open_ifs[-1][1]):
        raise TemplateRefused(line, N_("“%(tag)s” is in the wrong place"), tag=name)
    start, _ = open_ifs.pop()
    if name != "endif":
        open_ifs.append((start, name == "else"))


def check_nodes(nodes: Iterable[Node], context: RenderContext) -> dict[str, int]:
    """Refuse whatever is not a merge field, a comparison of one with words, or a known filter.

    Returns the merge fields, each with the line where it first stands.
    """
    fields: dict[str, int] = {}
    for node in nodes:
        if not isinstance(node, _NODES):
            raise _not_understood(node)
        for expression in node.expressions():
            _check_expression(expression, fields)
        for name, line in check_nodes(node.children(context), context).items():
            fields.setdefault(name, line)
    return fields


def _check_expression(expression: Expression, fields: dict[str, int]) -> None:
    match expression:
        case BooleanExpression():
            _check_expression(expression.expression, fields)
        case LogicalAndExpression() | LogicalOrExpression():
            _check_expression(expression.left, fields)
            _check_expression(expression.right, fields)
        case EqExpression(left=Path() as path, right=StringLiteral()):
            _check_field(path, fields)
        case NeExpression(left=Path() as path, right=StringLiteral()):
            _check_field(path, fields)
        case FilteredExpression(left=Path() as path):
            _check_field(path, fields)
            for used in expression.filters or ():
                _check_filter(used)
        case Path():
            _check_field(expression, fields)
        case _:
            raise _not_understood(expression)


def _check_field(path: Path, fields: dict[str, int]) -> None:
    name = path.path[0]
    if len(path.path) != 1 or not isinstance(name, str) or not _FIELD.fullmatch(name):
        raise TemplateRefused(
            _line(path), N_("“%(name)s” is not the name of a merge field"), name=str(path)
        )
    fields.setdefault(name, _line(path))


def _check_filter(used: Filter) -> None:
    line = line_at(used.token.source, used.token.start_index)
    takes = FILTERS.get(used.name)
    if takes is None:
        raise TemplateRefused(line, N_("there is no filter “%(name)s”"), name=used.name)
    given = [arg.value for arg in used.args if isinstance(arg, PositionalArgument)]
    fits = len(given) == len(used.args) == len(takes)
    if not fits or not all(map(isinstance, given, takes)):
        raise TemplateRefused(
            line, N_("the filter “%(name)s” is not written as it should be"), name=used.name
        )


def _not_understood(part: Node | Expression) -> TemplateRefused:
    return TemplateRefused(_line(part), N_("only merge fields and words in quotes can stand here"))


def _line(part: Node | Expression) -> int:
    return line_at(part.token.source, part.token.start_index)
