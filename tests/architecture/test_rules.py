"""The product keeps its rules, and each rule catches who breaks it."""

import pytest

from tests.architecture import rules
from tests.architecture.rules import RULES, Rule
from tests.architecture.source import Source, product

LONG = "def f():\n" + "    x = 1\n" * 31

BAD: tuple[tuple[Rule, str, str], ...] = (
    (rules.small_files, "crm/a.py", "x = 1\n" * 301),
    (rules.small_functions, "crm/a.py", LONG),
    (
        rules.small_functions,
        "crm/a.py",
        f"class A:\n    async {LONG.replace(chr(10), chr(10) * 2)}".replace(
            "\n\n    x", "\n        x"
        ),
    ),
    (rules.commits_in_core, "pipelines/actions.py", "session.commit()"),
    (rules.sql_text_in_core, "crm/contacts/queries.py", "from sqlalchemy import select, text"),
    (rules.sql_text_in_core, "crm/contacts/queries.py", "from sqlmodel import text as raw"),
    (rules.sql_text_in_core, "crm/contacts/queries.py", "import sqlalchemy as sa\nsa.text('')"),
    (
        rules.sql_text_in_core,
        "crm/contacts/models.py",
        "from sqlalchemy import text\nIndex(postgresql_where=text(''))\nexecute(text(''))",
    ),
    (rules.sql_text_in_core, "crm/contacts/queries.py", "connection.exec_driver_sql('')"),
    (rules.system_in_workers, "webhooks/twilio.py", "with runtime.database.system() as uow: ..."),
    (rules.system_in_workers, "crm/climate.py", "database.system()"),
    (rules.routes_let_errors_pass, "pipelines/pages.py", "try: f()\nexcept ValueError: g()"),
    (rules.routes_let_errors_pass, "pipelines/api/leads.py", "try: f()\nexcept* OSError: g()"),
    (rules.sdks_in_their_places, "crm/messaging/sending.py", "from twilio.rest import Client"),
    (rules.sdks_in_their_places, "workers/main.py", "import os, stripe"),
    (rules.queues_in_workers, "crm/app.py", "import dramatiq"),
    (rules.queues_in_workers, "crm/core/work.py", "from apscheduler.schedulers import base"),
    (rules.imports_at_the_top, "crm/a.py", "def f():\n    if x:\n        import os"),
    (rules.imports_at_the_top, "crm/a.py", "class A:\n    from os import path"),
    (rules.documented, "crm/a.py", "def f(): ..."),
    (rules.documented, "crm/a.py", "class A: ..."),
    (rules.finished, "crm/a.py", "x = 1  # TO" + "DO: later"),
    (rules.finished, "crm/a.py", "def f():\n    raise NotImplementedError"),
    (rules.our_words, "pipelines/actions.py", "def close_deal(): ..."),
    (rules.our_words, "pipelines/models.py", "class CustomerRow: ..."),
    (rules.our_words, "automations/workflows.py", ""),
)

GOOD: tuple[tuple[Rule, str, str], ...] = (
    (rules.small_files, "crm/a.py", "x = 1\n" * 300),
    (
        rules.small_functions,
        "crm/a.py",
        'def f():\n    """Say.\n\n    More.\n    """\n' + "    # why\n\n    x = 1\n" * 30,
    ),
    (rules.commits_in_core, "crm/core/uow.py", "session.commit()"),
    (rules.sql_text_in_core, "crm/core/tenancy.py", "from sqlalchemy import text"),
    (rules.sql_text_in_core, "crm/messaging/models.py", "message.text"),
    (
        rules.sql_text_in_core,
        "crm/messaging/models.py",
        "from sqlalchemy import text\nIndex('i', postgresql_where=text('x IS NULL'))",
    ),
    (rules.system_in_workers, "workers/scheduler.py", "database.system()"),
    (rules.system_in_workers, "crm/cli.py", "database.system()"),
    (rules.routes_let_errors_pass, "pipelines/intake.py", "try: f()\nexcept ValueError: g()"),
    (rules.sdks_in_their_places, "webhooks/twilio.py", "from twilio import request_validator"),
    (rules.sdks_in_their_places, "crm/app.py", "from crm.messaging.channels import twilio"),
    (rules.queues_in_workers, "workers/broker.py", "import dramatiq"),
    (rules.imports_at_the_top, "crm/a.py", "if TYPE_CHECKING:\n    import os"),
    (rules.documented, "crm/a.py", 'def f():\n    """Say."""\ndef _g(): ...'),
    (rules.finished, "crm/a.py", "todo_list = 1"),
    (rules.our_words, "crm/billing/actions.py", "def add_customer(): ..."),
    (rules.our_words, "crm/messaging/actions.py", "def ideal_dealer(): ..."),
)


def describe(value: object) -> str | None:
    return getattr(value, "__name__", None)


@pytest.mark.parametrize("rule", RULES, ids=describe)
def test_the_product_keeps_the_rule(rule: Rule) -> None:
    broken = [place for source in product() for place in rule(source)]
    assert not broken, "\n".join([rule.__doc__ or "", *broken])


@pytest.mark.parametrize(("rule", "path", "code"), BAD, ids=describe)
def test_the_rule_catches_who_breaks_it(rule: Rule, path: str, code: str) -> None:
    assert list(rule(Source(path, code)))


@pytest.mark.parametrize(("rule", "path", "code"), GOOD, ids=describe)
def test_the_rule_lets_others_be(rule: Rule, path: str, code: str) -> None:
    assert list(rule(Source(path, code))) == []


def test_every_rule_has_been_seen_to_catch() -> None:
    assert {rule for rule, _, _ in BAD} == set(RULES)


def test_no_exception_outlives_its_function() -> None:
    names = {f"{s.path}:{f.name}" for s in product() for f in s.functions()}
    assert names >= rules.LONGER_FUNCTIONS
