"""A whole process of the product in which things break with a patient's words in their mouth.

`python -m tests.security.leaky`, configured by the environment: web, worker and scheduler with the
product's own logging at its most talkative, and a consumer and two addresses that always fail.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import uvicorn
from fastapi import APIRouter, Request
from sqlalchemy import text
from sqlmodel import select

from crm import dev, registry
from crm.app import create_app
from crm.contacts.models import Address, Contact
from crm.core.events import Subscriptions, consumes
from crm.core.logging import configure_logging
from crm.core.runtime import Runtime
from crm.core.settings import Settings
from crm.core.uow import UnitOfWork
from crm.runtime import build_runtime, ring_redis
from pipelines.events import LeadCreated

BREAKING = "tests.break_on_lead"
router = APIRouter(prefix="/webhooks", include_in_schema=False)


@consumes(LeadCreated, name=BREAKING)
def break_on_lead(uow: UnitOfWork, events: Sequence[LeadCreated]) -> None:
    """Fail as careless code does: with everything it knows."""
    names = uow.session.scalars(select(Contact.name)).all()
    numbers = uow.session.scalars(select(Address.value)).all()
    raise ValueError(f"cannot greet {names} at {numbers}")


@router.post("/crash")
async def crash(request: Request) -> None:
    """Fail with the words that were sent."""
    raise ValueError((await request.body()).decode())


@router.post("/clash")
async def clash(request: Request) -> None:
    """Let the database fail with the words that were sent: its errors quote the values."""
    words = (await request.body()).decode()
    runtime: Runtime = request.app.state.runtime
    with runtime.database.engine.connect() as connection:
        connection.execute(text("SELECT CAST(:words AS integer)"), {"words": words})


def main() -> None:
    """Serve until told to end."""
    settings = Settings(_env_file=None)
    configure_logging("DEBUG")
    runtime = build_runtime(settings, doorbell=ring_redis(settings))
    subscriptions = Subscriptions((*registry.CONSUMERS, break_on_lead))
    runtime.database.subscriptions = subscriptions
    runtime = replace(runtime, subscriptions=subscriptions)
    app: Any = create_app(runtime, beside=lambda: dev.beside(runtime))
    app.include_router(router)
    uvicorn.run(app, port=settings.port, log_config=None, access_log=False)
    runtime.close()


if __name__ == "__main__":
    main()
