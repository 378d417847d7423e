"""What PostgreSQL says became of the requests, read as its superuser: across clinics and roles."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import psycopg
from psycopg.rows import dict_row


class Records:
    """Reads of the product's tables; a context manager that outlives restarts of the server."""

    def __init__(self, admin_url: str, offset: timedelta) -> None:
        self._url = admin_url.replace("+psycopg", "")
        self.offset = offset
        self._connection: psycopg.Connection[dict[str, Any]] | None = None

    def __enter__(self) -> "Records":
        return self

    def __exit__(self, *_: object) -> None:
        if self._connection is not None:
            self._connection.close()

    def rows(self, statement: str, *values: object) -> list[dict[str, Any]]:
        """Return the rows of a read; raises OperationalError while the server is away."""
        if self._connection is None or self._connection.closed:
            self._connection = psycopg.connect(self._url, autocommit=True, row_factory=dict_row)
        return self._connection.execute(statement, values).fetchall()  # type: ignore[arg-type]

    def requests(self, keys: Sequence[str]) -> list[dict[str, Any]]:
        """Return (key, request id, lead id) of what was kept under these keys."""
        return self.rows(
            "SELECT idempotency_key AS key, id::text, lead_id::text FROM appointment_requests"
            " WHERE idempotency_key = ANY(%s)",
            list(keys),
        )

    def leads(self, phones: Sequence[str]) -> list[dict[str, Any]]:
        """Return (phone, lead id) of every lead of whoever has these phones."""
        return self.rows(
            "SELECT a.value AS phone, l.id::text FROM leads l"
            " JOIN contact_addresses ca ON ca.contact_id = l.contact_id"
            " JOIN addresses a ON a.id = ca.address_id WHERE a.value = ANY(%s)",
            list(phones),
        )

    def sent_to(self, addresses: Sequence[str]) -> list[dict[str, Any]]:
        """Return every text to these phones, every email to these addresses."""
        return self.rows(
            "SELECT c.id::text, a.value AS address, c.status, c.reason, c.held_reason, c.asked,"
            " c.resends, c.error_code, c.due_at, c.last_error FROM communications c"
            " JOIN addresses a ON a.id = c.address_id"
            " WHERE c.direction = 'out' AND a.value = ANY(%s)",
            list(addresses),
        )

    def texts_in(self, phones: Sequence[str]) -> list[dict[str, Any]]:
        """Return every text from these phones."""
        return self.rows(
            "SELECT c.id::text, a.value AS phone FROM communications c"
            " JOIN addresses a ON a.id = c.address_id"
            " WHERE c.direction = 'in' AND a.value = ANY(%s)",
            list(phones),
        )

    def statuses(self, communication_id: str) -> list[tuple[str, str, bool]]:
        """Return (status, outcome of its webhook, whether it was matched) of a text, in order."""
        rows = self.rows(
            "SELECT s.status, w.outcome, s.communication_id IS NOT NULL AS is_matched"
            " FROM communications c"
            " JOIN provider_statuses s ON s.provider_id = c.provider_id"
            " LEFT JOIN webhook_events w ON w.external_id LIKE s.provider_id || ':' || s.status ||"
            " '%%' WHERE c.id::text = %s ORDER BY s.at",
            communication_id,
        )
        return [(row["status"], row["outcome"], row["is_matched"]) for row in rows]

    def webhooks(self) -> dict[str, int]:
        """Return how many webhooks had which outcome."""
        rows = self.rows("SELECT kind, outcome, count(*) FROM webhook_events GROUP BY 1, 2")
        return {f"{row['kind']} {row['outcome']}": row["count"] for row in rows}

    def waiting(self, lead_ids: Sequence[str]) -> list[dict[str, Any]]:
        """Return the passages of these leads that wait for what became of a text or email."""
        return self.rows(
            "SELECT id::text, lead_id::text, state, step, awaits::text FROM enrollments"
            " WHERE awaits IS NOT NULL AND state = 'live' AND lead_id::text = ANY(%s)",
            list(lead_ids),
        )

    def undone(self) -> dict[str, int]:
        """Return how much is still to be done now, by table; nothing when all is quiet."""
        row = self.rows(
            "SELECT (SELECT count(*) FROM deliveries WHERE dead_at IS NULL) AS deliveries,"
            " (SELECT count(*) FROM enrollments WHERE due_at <= now() + %s) AS enrollments,"
            " (SELECT count(*) FROM campaigns WHERE due_at <= now() + %s) AS campaigns,"
            " (SELECT count(*) FROM communications WHERE status = 'sending'"
            "   OR (status IN ('queued', 'unconfirmed') AND due_at <= now() + %s))"
            " AS communications",
            *(self.offset, self.offset, self.offset),
        )[0]
        return {table: rows for table, rows in row.items() if rows}

    def dead(self) -> list[dict[str, Any]]:
        """Return what died, and why."""
        return [
            {"table": table, **row}
            for table in ("deliveries", "enrollments", "campaigns", "communications")
            for row in self.rows(
                f"SELECT id::text, attempts, last_error FROM {table} WHERE dead_at IS NOT NULL"
            )
        ]
