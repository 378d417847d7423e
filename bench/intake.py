"""PF-4: appointment requests over the JSON endpoint, each on a lead and durable before its 202."""

import json
from dataclasses import dataclass

from bench.house import ZONE, House
from bench.load import post
from bench.report import Bar, at_least, compare, interleave
from bench.seeding import patient_phone
from bench.yardsticks import one_row_app
from crm.accounts.actions import add_clinic
from crm.accounts.actions.api_keys import create_key
from crm.core.principal import SYSTEM
from crm.furnishing import furnish

CLIENTS = 32
PATH = "/api/v1/appointment-requests"
TEMPLATE = "frontdesk_intake"
_WARM_UP = 500


@dataclass(frozen=True)
class Scale:
    """How many requests a round sends to the product and to the yardstick."""

    requests: int


FULL = Scale(10_000)
SMALL = Scale(2_000)


def measure(house: House, scale: Scale, rounds: int) -> list[Bar]:
    """Measure the product and the app that inserts one row in turns."""
    key = _seed(house)
    values, yardsticks = interleave(
        rounds,
        lambda: _product(house, key, scale.requests),
        lambda: one_row_app.measure(house.admin_url, requests=scale.requests, clients=CLIENTS).rate,
    )
    first, goal = at_least(0.3), at_least(1.5)
    return [compare("PF-4", "requests/s", values, yardsticks, first=first, goal=goal)]


def _seed(house: House) -> str:
    house.make_database(TEMPLATE)
    with house.runtime(TEMPLATE) as runtime:
        clinic_id = add_clinic(runtime.database, name="Riverside Dental", timezone=ZONE)
        with runtime.database.transaction(clinic_id, SYSTEM) as uow:
            furnish(uow, is_live=True)
            return create_key(uow, "Website", ["requests:write"]).raw


def _product(house: House, key: str, requests: int) -> float:
    with house.copy_of(TEMPLATE) as database:
        with house.processes(["web"], house.environment(database)):
            target = f"{house.base_url}{PATH}"

            def headers(number: int) -> dict[str, str]:
                return {"Authorization": f"Bearer {key}", "Idempotency-Key": f"request-{number}"}

            def headers_after(number: int) -> dict[str, str]:
                return headers(number + _WARM_UP)

            def payload_after(number: int) -> bytes:
                return payload(number + _WARM_UP)

            post(target, payload, requests=_WARM_UP, clients=CLIENTS, headers=headers)
            load = post(
                target, payload_after, requests=requests, clients=CLIENTS, headers=headers_after
            )
        if load.failures:
            raise RuntimeError(f"The product refused requests: {load.statuses}")
        _check(house, database, _WARM_UP + requests)
    return load.rate


def _check(house: House, database: str, requests: int) -> None:
    with house.admin(database) as connection:
        row = connection.execute("SELECT count(*) FROM leads").fetchone()
    if row != (requests,):
        raise RuntimeError("Not every accepted request is on a lead of its own.")


def payload(number: int) -> bytes:
    """Return the body of one request: everybody is somebody else, and agrees to texts."""
    return json.dumps(
        {
            "name": f"Contact {number}",
            "phone": patient_phone(number),
            "email": f"contact{number}@example.test",
            "message": "A cleaning, some morning next week",
            "consent": {"sms_care": True},
        }
    ).encode()
