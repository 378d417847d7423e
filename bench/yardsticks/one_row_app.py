"""Yardstick of PF-4: a FastAPI app whose one route inserts one row, commits and answers."""

import argparse
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import UUID, uuid4

import uvicorn
from fastapi import FastAPI
from psycopg_pool import ConnectionPool
from pydantic import BaseModel

from bench.load import Load, post
from bench.yardsticks.support import children, own_database, ready, show

PATH = "/appointment-requests"
_SCHEMA = """
CREATE TABLE appointment_requests (
    id uuid PRIMARY KEY, name text NOT NULL, phone text NOT NULL, email text NOT NULL,
    reason text NOT NULL, created_at timestamptz NOT NULL DEFAULT now()
)
"""
_INSERT = (
    "INSERT INTO appointment_requests (id, name, phone, email, reason) VALUES (%s,%s,%s,%s,%s)"
)
_POOL = 16
_WARM_UP = 500


class AppointmentRequestIn(BaseModel):
    """What a form posts."""

    name: str
    phone: str
    email: str
    reason: str


@dataclass(frozen=True)
class OneRowApp:
    """Accepted requests per second, and the latency at so many clients."""

    clients: int
    load: Load
    rate: float


def measure(admin_url: str, *, requests: int = 10_000, clients: int = 32) -> OneRowApp:
    """Post so many requests to one process of the app, each answered after its commit."""
    with own_database(admin_url, "frontdesk_yardstick_one_row") as url:
        arguments = ["--database-url", url]
        with children(1, "bench.yardsticks.one_row_app", arguments) as (port,):
            target = f"http://127.0.0.1:{port}{PATH}"
            post(target, payload, requests=_WARM_UP, clients=clients)
            load = post(target, payload, requests=requests, clients=clients)
    if load.failures:
        raise RuntimeError(f"The yardstick refused requests: {load.statuses}")
    return OneRowApp(clients, load, load.rate)


def payload(number: int) -> bytes:
    """Return the body of one request."""
    return json.dumps(
        {
            "name": f"Contact {number}",
            "phone": f"+1202{5550000 + number % 1_000_000:07d}",
            "email": f"contact{number}@example.test",
            "reason": "A cleaning, some morning next week",
        }
    ).encode()


def build_app(database_url: str) -> FastAPI:
    """Return the app on a pool of connections."""
    pool = ConnectionPool(database_url, min_size=_POOL, max_size=_POOL, open=False)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        pool.open(wait=True)
        with pool.connection() as connection:
            connection.execute(_SCHEMA)
        yield
        pool.close()

    app = FastAPI(lifespan=lifespan)

    @app.post(PATH, status_code=202)
    def accept(request: AppointmentRequestIn) -> dict[str, UUID]:
        """Insert one row."""
        row_id = uuid4()
        values = (row_id, request.name, request.phone, request.email, request.reason)
        with pool.connection() as connection:
            connection.execute(_INSERT, values)
        return {"id": row_id}

    return app


def _serve(database_url: str) -> None:
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", 0))
    listener.listen(1024)
    # Requests that come before the app is up wait in the listener.
    ready(listener.getsockname()[1])
    config = uvicorn.Config(build_app(database_url), access_log=False, log_level="warning")
    uvicorn.Server(config).run(sockets=[listener])


def main() -> None:
    """Measure, or be the process that serves."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--database-url", required=True, help="may create databases")
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        _serve(options.database_url)
    else:
        show(measure(options.database_url, requests=options.requests, clients=options.clients))


if __name__ == "__main__":
    main()
