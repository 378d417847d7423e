"""What no file of the product may do: each rule yields the places where one does."""

import ast
import io
import re
import tokenize
from collections.abc import Callable, Iterator

from tests.architecture.source import Source

Rule = Callable[[Source], Iterator[str]]
Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef

FILE_LINES = 300
FUNCTION_LINES = 30
# "path:name" of a function that is longer, with the reason in a comment.
LONGER_FUNCTIONS: frozenset[str] = frozenset()

CORE = "crm/core/"
SYSTEM_WORK = (CORE, "workers/", "crm/cli.py", "crm/cli/", "crm/accounts/cli.py")
SDKS = {"twilio", "sendgrid", "stripe"}
SDK_PLACES = ("crm/messaging/channels/", "crm/billing/", "webhooks/")
QUEUES = {"dramatiq", "apscheduler"}
QUEUE_PLACES = ("workers/", "crm/runtime.py")
SQL_PACKAGES = {"sqlalchemy", "sqlmodel"}
UNFINISHED = re.compile(r"\b(TODO|FIXME|XXX)\b")
# Words of the glossary's column "never" that have no other meaning here.
BANNED_WORDS = re.compile(
    r"(?<![a-z])(blacklist|blast|deal|opportunity|opportunities|workflow|customer)s?(?![a-z])"
)
WORD_BORDERS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
CUSTOMER_PLACES = ("crm/billing/", "webhooks/stripe.py")  # it is the provider's own word


def small_files(source: Source) -> Iterator[str]:
    """No file is longer than 300 lines."""
    lines = len(source.text.splitlines())
    if lines > FILE_LINES:
        yield f"{source.path} has {lines} lines, {FILE_LINES} are allowed"


def small_functions(source: Source) -> Iterator[str]:
    """No function is longer than 30 lines, without its docstring, comments and empty lines."""
    code = lines_with_code(source.text)
    for function in source.functions():
        body = function.body[1:] if ast.get_docstring(function) else function.body
        if not body or f"{source.path}:{function.name}" in LONGER_FUNCTIONS:
            continue
        lines = len(code & set(range(body[0].lineno, (body[-1].end_lineno or 0) + 1)))
        if lines > FUNCTION_LINES:
            message = f"{function.name} has {lines} lines, {FUNCTION_LINES} are allowed"
            yield source.at(function, message)


def lines_with_code(text: str) -> set[int]:
    """Return the numbers of the lines that hold more than space and comments."""
    empty = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT}
    lines: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type not in empty:
            lines.update(range(token.start[0], token.end[0] + 1))
    return lines


def commits_in_core(source: Source) -> Iterator[str]:
    """Only core commits."""
    if source.is_in(CORE):
        return
    for call in source.nodes(ast.Call):
        if isinstance(call.func, ast.Attribute) and call.func.attr == "commit":
            yield source.at(call, "commits: only crm.core ends a transaction")


def sql_text_in_core(source: Source) -> Iterator[str]:
    """SQL as text stays in core, where both walls of tenancy are kept, but for indexes' WHERE."""
    if source.is_in(CORE):
        return
    for imported in source.nodes(ast.ImportFrom):
        package = (imported.module or "").split(".")[0]
        for name in imported.names:
            is_text = package in SQL_PACKAGES and name.name == "text"
            if is_text and not only_limits_indexes(source, name.asname or name.name):
                yield source.at(imported, "imports SQL text(): build statements instead")
    for attribute in source.nodes(ast.Attribute):
        owner = attribute.value
        is_package = isinstance(owner, ast.Name) and owner.id in {"sa", *SQL_PACKAGES}
        if attribute.attr == "exec_driver_sql" or (attribute.attr == "text" and is_package):
            yield source.at(attribute, "uses SQL as text: build statements instead")


def only_limits_indexes(source: Source, name: str) -> bool:
    """Say whether a file uses a function for the WHERE of partial indexes and for nothing else."""
    keywords = source.nodes(ast.keyword)
    limits = [keyword.value for keyword in keywords if keyword.arg == "postgresql_where"]
    allowed = {limit.func for limit in limits if isinstance(limit, ast.Call)}
    names = [node for node in source.nodes(ast.Name) if isinstance(node.ctx, ast.Load)]
    used = {node for node in names if node.id == name}
    return bool(used) and used <= allowed


def system_in_workers(source: Source) -> Iterator[str]:
    """Only the workers, the command line and core work across clinics."""
    if source.is_in(*SYSTEM_WORK):
        return
    for call in source.nodes(ast.Call):
        if isinstance(call.func, ast.Attribute) and call.func.attr == "system":
            yield source.at(call, "calls system(): only workers and crm.cli work across clinics")


def routes_let_errors_pass(source: Source) -> Iterator[str]:
    """No route catches: what is raised rolls back and is rendered by the handlers."""
    *folders, name = source.path.split("/")
    if {"pages", "api"} & {*folders, name.removesuffix(".py")}:
        for handler in source.nodes(ast.ExceptHandler):
            yield source.at(handler, "catches in a route: raise, and let the handlers answer")


def sdks_in_their_places(source: Source) -> Iterator[str]:
    """The providers' packages are imported by channels, billing and webhooks only."""
    if not source.is_in(*SDK_PLACES):
        yield from imports_of(source, SDKS)


def queues_in_workers(source: Source) -> Iterator[str]:
    """Dramatiq and APScheduler are imported by workers and crm.runtime only."""
    if not source.is_in(*QUEUE_PLACES):
        yield from imports_of(source, QUEUES)


def imports_of(source: Source, packages: set[str]) -> Iterator[str]:
    """Yield where a file imports one of these packages."""
    named = [(node, node.module or "") for node in source.nodes(ast.ImportFrom)]
    plain = [(node, name.name) for node in source.nodes(ast.Import) for name in node.names]
    for node, name in [*named, *plain]:
        if name.split(".")[0] in packages:
            yield source.at(node, f"imports {name}")


def imports_at_the_top(source: Source) -> Iterator[str]:
    """No import stands in a function or a class."""
    for definition in source.definitions():
        for statement in definition.body:
            for node in ast.walk(statement):
                if isinstance(node, ast.Import | ast.ImportFrom):
                    yield source.at(node, "imports in a function: use crm.core.loading.load")


def documented(source: Source) -> Iterator[str]:
    """Every public function and class of a module says in a docstring what it is."""
    for node in source.tree.body:
        if not isinstance(node, Definition) or node.name.startswith("_"):
            continue
        if not ast.get_docstring(node):
            yield source.at(node, f"{node.name} has no docstring")


def finished(source: Source) -> Iterator[str]:
    """Nothing is left for later."""
    for number, line in enumerate(source.text.splitlines(), 1):
        if UNFINISHED.search(line):
            yield f"{source.path}:{number} leaves something for later"
    for node in source.nodes(ast.Name):
        if node.id == "NotImplementedError":
            yield source.at(node, "is not implemented")


def our_words(source: Source) -> Iterator[str]:
    """Functions, classes and files are named by the glossary's words."""
    names = [source.at(node, node.name) for node in source.definitions()]
    for name in [*names, source.path]:
        word = BANNED_WORDS.search(WORD_BORDERS.sub("_", name.split(" ")[-1]).lower())
        if word and not (word[1] == "customer" and source.is_in(*CUSTOMER_PLACES)):
            yield f"{name} says {word[0]!r}: see the words in docs/tour.md"


RULES: tuple[Rule, ...] = (
    small_files,
    small_functions,
    commits_in_core,
    sql_text_in_core,
    system_in_workers,
    routes_let_errors_pass,
    sdks_in_their_places,
    queues_in_workers,
    imports_at_the_top,
    documented,
    finished,
    our_words,
)
