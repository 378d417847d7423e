"""How the database finds what a page shows: never by reading a whole clinic.

Every statement of every page is planned and run once more, as the application's own role in a
clinic of thousands, and what each scan reads is counted.
"""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
from fastapi import FastAPI
from sqlalchemy import event
from sqlmodel import col, select

from bench.crowd import Crowd
from crm.accounts import cli
from crm.accounts.models import Clinic
from crm.core.principal import SYSTEM
from crm.core.runtime import Runtime
from tests.support.browsing import PASSWORD
from tests.support.callers import Caller
from tests.support.crowds import crowded
from tests.support.houses import House, email_of
from tests.support.routes import Route, routes_of
from tests.support.servers import TestServers

LEADS = 3_000
MOST = 500
"""Rows that one scan may read for a page: a board's columns, and no clinic."""

# Pages of which it is not asked, and why.
FREE = {"sandbox:phones": "it shows the phones of a demo, which has no thousands"}

# Reads whose words travel in the body, and what is looked for.
SEARCHES = {"search:find": ("bali", "0001", "(202) 555 0777")}

Asked = tuple[str, Any]


@pytest.fixture
def caller(runtime: Runtime, app: FastAPI, servers: TestServers) -> Iterator[Caller]:
    """The owner of a clinic of thousands, beside another one."""
    with crowded(runtime, servers, Crowd(clinics=2, leads=LEADS)):
        clinic = _first_clinic(runtime)
        cli.user_add(
            runtime.database,
            clinic_id=clinic,
            email=email_of("owner", clinic),
            name="Owner",
            role="owner",
            password=PASSWORD,
            passwords=app.state.accounts.passwords,
        )
        house = House(runtime, app, clinic, form_key="", api_key="")
        yield Caller(house, "owner")
        house.close()


def _first_clinic(runtime: Runtime) -> UUID:
    with runtime.database.system() as system:
        found = system.session.scalars(select(Clinic).where(col(Clinic.name) == "Clinic 0"))
        return found.one().id


def test_no_page_reads_a_whole_clinic(caller: Caller, app: FastAPI) -> None:
    pages = [route for route in routes_of(app) if _is_read(route)]
    seen = set()
    for page in pages:
        asked = [] if page.name in FREE else _asked_by(caller, page)
        seen.add(page.name)
        for statement, values in asked:
            for node in _scans(_plan(caller.house, statement, values)):
                assert _read(node) <= MOST, (
                    f"{page.path} reads {_read(node)} rows of {node['Relation Name']} by"
                    f" {node['Node Type']} {node.get('Index Name', '')}: {statement}"
                )
    assert {"pipelines:pipeline", "pipelines:lead", *FREE, *SEARCHES} <= seen


def test_a_scan_of_a_clinic_is_seen(caller: Caller) -> None:
    """Without this, a test that counts nothing would look as if nothing were read."""
    everybody = "SELECT name FROM contacts WHERE name LIKE %(name)s"

    [scan] = _scans(_plan(caller.house, everybody, {"name": "%zzz%"}))

    assert _read(scan) >= LEADS


def _is_read(route: Route) -> bool:
    return route.name in SEARCHES or (route.method == "GET" and route.needs_login)


def _asked_by(caller: Caller, page: Route) -> list[Asked]:
    """Return the statements that a page asks, each with its values."""
    found: list[Asked] = []

    def note(_c: Any, _cursor: Any, statement: str, values: Any, _context: Any, _m: bool) -> None:
        if statement.lstrip().startswith(("SELECT", "WITH")):
            found.append((statement, values))

    engine, ids = caller.house.runtime.database.engine, caller.own_ids(page)
    event.listen(engine, "before_cursor_execute", note)
    for typed in SEARCHES.get(page.name, ()):
        assert caller.browser.post_form(page.path, caller.guards, q=typed).status_code == 200
    assert page.name in SEARCHES or caller.call(page, ids).status_code < 500, page.path
    event.remove(engine, "before_cursor_execute", note)
    return found


def _plan(house: House, statement: str, values: Any) -> dict[str, Any]:
    """Return what the statement did, run as the application runs it.

    A table of a test is read whole where that is cheaper than by its index. That is not asked, but
    whether there is another way.
    """
    with house.runtime.database.transaction(house.clinic, SYSTEM) as uow:
        wire = uow.session.connection().connection.cursor()
        wire.execute("SET LOCAL enable_seqscan = off")
        wire.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}", values)
        ((found,),) = wire.fetchall()
    plan: dict[str, Any] = found[0]["Plan"]
    return plan


def _scans(node: dict[str, Any]) -> list[dict[str, Any]]:
    below = [scan for child in node.get("Plans", []) for scan in _scans(child)]
    return [node, *below] if "Relation Name" in node else below


def _read(scan: dict[str, Any]) -> int:
    dropped = scan.get("Rows Removed by Filter", 0) + scan.get("Rows Removed by Index Recheck", 0)
    return int((scan["Actual Rows"] + dropped) * scan["Actual Loops"])
