"""The crowd of the bench: what nobody checked on its way in is what the product writes."""

from collections.abc import Iterator

import psycopg
import pytest

from bench.crowd import EMAIL, PASSWORD, Crowd
from crm.core.models import metadata
from crm.core.runtime import Runtime
from tests.support.browsing import open_browser
from tests.support.crowds import crowded
from tests.support.houses import cheap_app
from tests.support.servers import TestServers

CROWD = Crowd(clinics=2, leads=40)


@pytest.fixture
def connection(runtime: Runtime, servers: TestServers) -> Iterator[psycopg.Connection]:
    """The superuser's, to a database with a small crowd."""
    with crowded(runtime, servers, CROWD) as opened:
        yield opened


def count(connection: psycopg.Connection, statement: str) -> int:
    row = connection.execute(statement.encode()).fetchone()
    assert row is not None
    return int(row[0])


def test_each_clinic_has_its_leads_and_a_text_for_each(connection: psycopg.Connection) -> None:
    every = CROWD.clinics * CROWD.leads
    for table in ("leads", "contacts", "consents", "communications"):
        assert count(connection, f"SELECT count(*) FROM {table}") == every
    assert count(connection, "SELECT sum(leads) FROM stage_counters") == every
    totals = "SELECT sum(value_cents) FROM stage_counters"
    assert count(connection, totals) == count(connection, "SELECT sum(value_cents) FROM leads")


def test_every_reference_leads_to_a_row(connection: psycopg.Connection) -> None:
    for table in metadata.sorted_tables:
        for key in table.foreign_key_constraints:
            pairs = [(one.parent.name, one.column.name) for one in key.elements]
            joined = " AND ".join(f"t.{ours} = o.{theirs}" for ours, theirs in pairs)
            named = " AND ".join(f"t.{ours} IS NOT NULL" for ours, _ in pairs)
            lost = (
                f"SELECT count(*) FROM {table.name} t WHERE {named} AND NOT EXISTS"
                f" (SELECT FROM {key.referred_table.name} o WHERE {joined})"
            )
            assert count(connection, lost) == 0, key.name


def test_the_indexes_are_back(connection: psycopg.Connection, database_url: str) -> None:
    wanted = {index.name for table in metadata.sorted_tables for index in table.indexes}
    found = {row[0] for row in connection.execute("SELECT indexname FROM pg_indexes")}
    assert wanted <= found


def test_the_pages_show_them(runtime: Runtime, connection: psycopg.Connection) -> None:
    with open_browser(cheap_app(runtime)) as browser:
        browser.sign_in(EMAIL, PASSWORD)
        assert browser.get("/pipeline").status_code == 200
        row = connection.execute(
            "SELECT lead_id FROM communications JOIN clinics ON clinics.id = clinic_id"
            " WHERE clinics.name = 'Clinic 0' LIMIT 1"
        ).fetchone()
        assert row is not None
        page = browser.get(f"/leads/{row[0]}")

    assert page.status_code == 200
    for words in ("Wednesday in the morning, please.", "My tooth hurts", "Consent given"):
        assert words in page.text
