"""`make screenshots`: a picture of every page, light, dark and on a phone, in docs/screenshots."""

import base64
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import cycle
from pathlib import Path
from uuid import UUID, uuid4

import structlog
from playwright.sync_api import Page
from sqlmodel import col, select

from automations.library import LIBRARY
from automations.portable import bring_in
from bench.house import open_house
from crm.accounts.actions import add_clinic
from crm.accounts.models import Membership
from crm.core.uow import UnitOfWork
from pipelines.actions import Move, move_leads
from pipelines.lead.details import Change, change_detail
from pipelines.models import LostReason, Stage
from pipelines.replies import waive_reply
from tests.browser.site import Site, Theme
from tests.conftest import Drain
from tests.support.houses import House, cheap_app, furnish
from tests.support.neighbours import live_through
from tests.support.serving import address_of, free_socket, served

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "screenshots"
SCREENS: tuple[tuple[str, int, int, Theme], ...] = (
    ("light", 1440, 900, "light"),
    ("dark", 1440, 900, "dark"),
    ("phone", 390, 844, "light"),
)
PEOPLE = (
    *("Maria Garcia", "Noah Patel", "James Lopez", "Liam Nguyen", "Sara Park", "Ben Jones"),
    *("Aisha Diaz", "Hannah Khan", "Elena Ruiz", "Lucia Clark", "Tom Wong", "Priya Shah"),
    *("Omar Silva", "Yuki Cohen", "Kofi Brown", "Chen Wei", "Rosa Adams", "Ivan Petrov"),
    *("Nora Quinn", "Samuel Ortiz", "Grace Kim", "Peter Novak", "Leah Stern", "Diego Ramos"),
)
STAGES = (
    *("New", "Contacted", "Considering", "Lost"),
    *("Booked", "Became a patient", "New", "Contacted"),
)
SOURCES = ("google_ads", "form", "referral", "meta_ads", "phone_call", "walk_in", "form")
SERVICES = ("Check-up and cleaning", "New patient visit", "Something else")
TODAY = 18
"""From which of them on people have just asked."""

FORGOTTEN = (15, 16)
"""Who of the others still waits for an answer."""

_DATABASE = "frontdesk_pictures"
_QUALITY = 70


def main() -> None:
    """Take every picture anew; those of pages that are gone are removed."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    with opened_site() as site:
        FOLDER.mkdir(parents=True, exist_ok=True)
        for old in FOLDER.glob("*.webp"):
            old.unlink()
        paths, strangers = site.paths(), site.strangers_paths()
        for screen, width, height, theme in SCREENS:
            with site.opened(width, height, theme) as page:
                _take(site, page, paths, screen)
            with site.opened(width, height, theme, role=None) as page:
                _take(site, page, strangers, screen)


def _take(site: Site, page: Page, paths: dict[str, str], screen: str) -> None:
    wire = page.context.new_cdp_session(page)
    for name, path in paths.items():
        site.go(page, path)
        taken = wire.send("Page.captureScreenshot", {"format": "webp", "quality": _QUALITY})
        file = f"{name.replace(':', '-').replace('_', '-')}-{screen}.webp"
        (FOLDER / file).write_bytes(base64.b64decode(taken["data"]))


@contextmanager
def opened_site() -> Iterator[Site]:
    """Serve a clinic of which each page has something to show."""
    with open_house() as servers, free_socket() as listening:
        servers.make_database(_DATABASE)
        address = address_of(listening)
        with servers.runtime(_DATABASE, PUBLIC_URL=address, FRONTDESK_ENV="demo") as runtime:
            clinic = add_clinic(
                runtime.database, name="Riverside Dental", timezone="America/New_York"
            )
            house = furnish(runtime, cheap_app(runtime), clinic)
            house.set_clock("2027-01-25 10:00")
            live_through(house, drain := Drain(runtime))
            _receive_people(house, drain)
            house.do(bring_in, LIBRARY[0].as_file())
            with served(house.app, listening):
                yield Site(house)
            house.close()


def _receive_people(house: House, drain: Drain) -> None:
    """Let people ask for appointments over some days, and be answered."""
    owners = [member.user_id for member in house.all(Membership)]
    for number, (name, stage, service, source) in enumerate(
        zip(PEOPLE, cycle(STAGES), cycle(SERVICES), cycle(SOURCES), strict=False)
    ):
        phone = f"+1212555{200 + number:04}"
        email = f"{name.replace(' ', '.').lower()}@mail.example"
        lead_id = house.ask(phone, name=name, email=email, service=service, source=source)
        drain()
        is_today = number >= TODAY
        house.runtime.clock.advance(**({"minutes": 4} if is_today else {"hours": 7}))
        if number % 3 == 2:
            house.receive("Thursday after 4 works for me.", phone)
        house.do(change_detail, lead_id, Change("value", str(400 + number * 137 % 3200)))
        if number % 2:
            owner = str(owners[number % len(owners)])
            house.do(change_detail, lead_id, Change("owner", owner))
        if stage != "New":
            house.do(_move, lead_id, stage)
        drain()
        if not is_today and number not in FORGOTTEN:
            house.do(waive_reply, lead_id)
    _talk(house, drain, lead_id, phone)


def _talk(house: House, drain: Drain, lead_id: UUID, phone: str) -> None:
    """Let the desk and the last of them write to each other."""
    browser, page = house.signed_in(), f"/leads/{lead_id}"
    browser.submit(
        page, f"{page}/notes", body="Prefers mornings; asked about parking.", key=str(uuid4())
    )
    browser.submit(page, f"{page}/tags", name="Nervous")
    house.receive("Is Thursday possible?", phone)
    drain()


def _move(uow: UnitOfWork, lead_id: UUID, stage: str) -> None:
    [to] = uow.session.scalars(select(Stage).where(col(Stage.name) == stage))
    reason = uow.session.scalars(select(LostReason).limit(1)).one() if stage == "Lost" else None
    move_leads(uow, [Move(lead_id, to.id, lost_reason_id=reason.id if reason else None)])


if __name__ == "__main__":
    main()
