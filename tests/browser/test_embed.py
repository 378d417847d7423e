"""The request form in a frame on a clinic's own site: another origin, with a page around it."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from fastapi import FastAPI
from playwright.sync_api import Frame, Page, expect
from sqlmodel import select
from starlette.responses import HTMLResponse

from crm.core.uow import UnitOfWork
from pipelines.models import RequestForm
from tests.support.chromium import needs_chromium, open_page
from tests.support.houses import House
from tests.support.served_houses import house, listening, settings
from tests.support.serving import address_of, free_socket, served

__all__ = ["house", "listening", "settings"]

pytestmark = [pytest.mark.browser, needs_chromium]

WORDS = "<p>Words of the clinic's own site.</p>" * 60


@contextmanager
def site_of(house: House) -> Iterator[str]:
    """Serve a clinic's site that has the form between its own words; give its address."""
    with free_socket() as listening:
        allow(house, address_of(listening))
        with served(site(house), listening):
            yield address_of(listening)


def site(house: House) -> FastAPI:
    base = house.runtime.settings.base_url
    script = f'<script src="{base}/embed.js" data-form="{house.form_key}" async></script>'
    app = FastAPI()

    @app.get("/", response_class=HTMLResponse)
    def page() -> str:
        icon = '<link rel="icon" href="data:,">'
        return f'<!doctype html><html lang="en"><head>{icon}</head>{WORDS}{script}{WORDS}</html>'

    return app


def allow(house: House, origin: str) -> None:
    """Let a site show the clinic's form."""

    def name_it(uow: UnitOfWork) -> None:
        uow.session.scalars(select(RequestForm)).one().sites = [origin]

    house.do(name_it)


def form_in(page: Page) -> Frame:
    """Wait until the form is there, and as tall as its frame."""
    page.frame_locator("iframe").get_by_role("button", name="Send request").wait_for()
    [frame] = page.frames[1:]
    return frame


def top(page: Page) -> float:
    """Return where the frame begins on the screen."""
    box = page.locator("iframe").bounding_box()
    assert box is not None
    return box["y"]


def send(page: Page, **typed: str) -> None:
    """Fill in the form and send it, from its end."""
    frame = form_in(page)
    for name, value in typed.items():
        frame.locator(f"[name={name}]").fill(value)
    button = frame.get_by_role("button", name="Send request")
    button.scroll_into_view_if_needed()
    assert top(page) < 0
    button.click()


def test_whoever_sends_sees_what_became_of_it(house: House) -> None:
    with site_of(house) as address, open_page(360, 700, may_complain=True) as page:  # of the 422
        page.goto(address)
        send(page, name="Robin Vale", phone="12")
        wrong = page.frame_locator("iframe").get_by_role("alert")
        expect(wrong).to_be_in_viewport()
        assert 0 <= top(page) < 700

        send(page, phone="(212) 555-0142")
        arrived = page.frame_locator("iframe").get_by_role("heading")
        expect(arrived).to_have_text("Your request has arrived")
        expect(arrived).to_be_in_viewport()
        assert 0 <= top(page) < 700


def test_the_first_form_moves_nobodys_page_and_has_no_ground_of_its_own(house: House) -> None:
    with site_of(house) as address, open_page(1280, 700) as page:
        page.goto(address)
        frame = form_in(page)
        frame.wait_for_load_state()
        assert top(page) > 700
        assert page.evaluate("scrollY") == 0
        ground = "getComputedStyle(document.body).backgroundColor"
        assert frame.evaluate(ground) == "rgba(0, 0, 0, 0)"
        page.goto(f"{house.runtime.settings.base_url}/f/{house.form_key}")
        assert page.evaluate(ground) != "rgba(0, 0, 0, 0)"
