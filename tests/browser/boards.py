"""The board as somebody sees it in a browser."""

from dataclasses import dataclass
from uuid import UUID

from playwright.sync_api import Locator, Page, expect
from sqlmodel import col

from crm.contacts.models import Contact
from crm.core.uow import UnitOfWork
from pipelines.actions import NewLead, create_leads
from pipelines.models import Lead
from tests.browser.signing_in import sign_in
from tests.support.houses import House, email_of

STEPS = 20
"""In how many moves a finger goes where it goes."""


def add_lead(uow: UnitOfWork, name: str, **fields: object) -> UUID:
    """Make a lead of somebody."""
    contact = Contact(name=name, created_at=uow.now)
    uow.add(contact)
    [lead] = create_leads(uow, [NewLead(contact.id, **fields)])  # type: ignore[arg-type]
    return lead.id


@dataclass
class Board:
    """The board as somebody sees it."""

    page: Page
    house: House

    def column(self, stage: str) -> Locator:
        """Return the column of a stage."""
        return self.page.get_by_role("region", name=stage, exact=True)

    def card(self, name: str) -> Locator:
        """Return somebody's card."""
        return self.page.get_by_role("listitem").filter(has=self.name(name))

    def name(self, name: str) -> Locator:
        """Return the link with somebody's name."""
        return self.page.get_by_role("link", name=name, exact=True)

    def drag(self, name: str, stage: str) -> None:
        """Drag somebody's card to a stage, step by step: the page follows before it is let go."""
        cards = self.column(stage).get_by_role("list")
        self.card(name).hover()
        self.page.mouse.down()
        cards.hover()
        cards.hover()
        expect(cards.locator(".lead-ghost")).to_have_count(1)
        self.page.mouse.up()

    def touch(self, name: str, *, by: tuple[int, int], held_for: float) -> None:
        """Put a finger on somebody's card for some seconds, draw it as far, and lift it."""
        box = self.card(name).bounding_box()
        assert box is not None
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        finger = self.page.context.new_cdp_session(self.page)

        def tell(kind: str, *points: dict[str, float]) -> None:
            finger.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": list(points)})

        tell("touchStart", {"x": x, "y": y})
        self.page.wait_for_timeout(1000 * held_for)
        for step in range(1, STEPS + 1):
            part = step / STEPS
            tell("touchMove", {"x": x + by[0] * part, "y": y + by[1] * part})
            self.page.wait_for_timeout(20)
        tell("touchEnd")

    def scrolled(self) -> float:
        """Return how far the stages are scrolled sideways."""
        left: float = self.page.locator("#board").evaluate("board => board.scrollLeft")
        return left

    def shows(self, stage: str, *names: str) -> None:
        """Wait until a column shows these cards, from its top, and counts them."""
        column = self.column(stage)
        links = column.locator(".lead-name")
        expect(links).to_have_text(list(names))
        noun = "lead" if len(names) == 1 else "leads"
        expect(column.locator(".stage-count")).to_have_text(f"{len(names)} {noun}")

    def says(self, words: str) -> None:
        """Wait until the page says something."""
        expect(self.page.get_by_role("region", name="Messages")).to_contain_text(words)

    def says_only(self, words: str) -> None:
        """Wait until the page's last words are these and no others."""
        said = self.page.get_by_role("region", name="Messages").get_by_role("paragraph")
        expect(said.last).to_have_text(words)

    def hears_nothing(self) -> None:
        """Let the page not be told by itself what changed, from its next loading on."""
        self.page.route("**/events*", lambda route: route.abort())
        self.page.reload()

    def hears(self, *lead_ids: UUID) -> None:
        """Let the page be told what changed, as `live.js` tells it; nothing is anything."""
        tell = "ids => document.body.dispatchEvent(new CustomEvent('live:board', {detail: {ids}}))"
        self.page.evaluate(tell, [str(lead_id) for lead_id in lead_ids])

    def stands(self, name: str) -> str:
        """Return the stage where the database has somebody."""
        [contact] = self.house.all(Contact, col(Contact.name) == name)
        [lead] = self.house.all(Lead, col(Lead.contact_id) == contact.id)
        return self.house.stage_of(lead.id)


def open_board(page: Page, house: House, base_url: str) -> Board:
    """Sign in at a server and open the board."""
    sign_in(page, base_url, email_of("front_desk", house.clinic))
    return Board(page, house)
