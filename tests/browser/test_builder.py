"""A follow-up is built, previewed and published: by mouse, by keys, and without scripts."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect
from sqlmodel import col, select

from automations.models import Automation, SequenceVersion
from crm.core.uow import UnitOfWork
from pipelines.models import Pipeline
from pipelines.structure import StageWords, add_stage
from tests.browser.hands import Hands
from tests.browser.site import Site
from tests.conftest import Drain
from tests.support.axe import violations
from tests.support.chromium import needs_chromium
from tests.support.houses import House
from tests.support.neighbours import live_through
from tests.support.served_houses import house, listening, settings

__all__ = ["house", "listening", "settings"]

pytestmark = [pytest.mark.browser, needs_chromium]

NAME = "A week with us"
FIRST, SECOND = "New request: first text", "New request: a day later"
STORY = [
    f"Send the text “{FIRST}”",
    "Wait 1 day",
    "If Lead is open",
    f"Send the text “{SECOND}”",
    "Stop",
    "Wait 7 days",
    "Move the lead to “Nurture”",
]


@pytest.fixture
def site(house: House, drain: Drain) -> Site:
    """A clinic in which everything has happened once, with a stage for those who need time."""
    live_through(house, drain)
    house.do(_add_nurture)
    return Site(house)


def _add_nurture(uow: UnitOfWork) -> None:
    [pipeline] = uow.session.scalars(select(Pipeline).where(col(Pipeline.is_default)))
    add_stage(uow, pipeline.id, StageWords("Nurture"))


@pytest.fixture
def page(site: Site) -> Iterator[Page]:
    """The page where a sequence is begun; whoever looks at it may edit."""
    with site.opened(1440) as opened:
        site.go(opened, "/sequences/new")
        yield opened


def words_of(page: Page) -> list[str]:
    """Return how the steps read, from top to bottom."""
    return [words.strip() for words in page.locator("#builder .step .step-words").all_inner_texts()]


def kinds_of(house: House) -> list[str]:
    """Return the kinds of the published steps at the top, and those in the two ways."""
    found: list[str] = house.do(_published)
    return found


def _published(uow: UnitOfWork) -> list[str]:
    query = (
        select(SequenceVersion.definition)
        .join(Automation, col(Automation.version_id) == col(SequenceVersion.id))
        .where(col(Automation.name) == NAME)
    )
    definition = uow.session.scalars(query).one()
    fork = definition["steps"][2]
    ways = [*fork["then"], *fork["otherwise"]]
    return [one["kind"] for one in [*definition["steps"], *ways]]


def is_published(page: Page, house: House) -> None:
    expect(page.get_by_text("Version 1 is live.")).to_be_visible()
    assert [one for one in words_of(page) if one != "Lead is open"] == STORY
    assert kinds_of(house) == [
        *("send_text", "wait_for", "if_else", "wait_for", "move_stage"),
        *("send_text", "stop"),
    ]


def add_by_mouse(page: Page, place: str, kind: str) -> None:
    page.locator(f"[id='add-{place}']").click()
    page.locator("#chooser").get_by_role("button", name=kind, exact=True).click()
    expect(page.locator(".is-open, .ask .part-form").first).to_be_visible()


def save(page: Page) -> None:
    page.locator(".is-open").get_by_role("button", name="Save").click()
    expect(page.locator(".is-open")).to_have_count(0)


def test_a_follow_up_is_built_previewed_and_published_by_mouse(page: Page, house: House) -> None:
    page.get_by_role("textbox", name="Name", exact=True).fill(NAME)
    page.get_by_role("button", name="Begin the sequence").click()
    page.get_by_role("link", name="Choose what starts it").click()
    page.get_by_label("Starts when").select_option("lead_created")
    page.locator("#form-trigger").get_by_role("button", name="Save").click()
    expect(page.get_by_text("Kept:").first).to_be_visible()
    page.get_by_role("link", name="Steps", exact=True).click()

    add_by_mouse(page, "root.steps", "Send a text")
    page.get_by_label("Template").select_option(label=FIRST)
    save(page)
    page.get_by_role("link", name=STORY[0], exact=True).click()
    preview = page.get_by_role("region", name="Preview")
    preview.get_by_label("As whom").select_option(label="Casey Vale")
    expect(preview.locator(".said")).to_contain_text("Hi Casey, this is")
    preview.get_by_label("Language", exact=True).select_option("es")
    expect(preview.locator(".said")).to_contain_text("Hola Casey, le escribe")
    expect(preview).to_contain_text(re.compile(r"\d parts? · \d+ characters · \$0\.0"))
    assert violations(page) == []
    page.get_by_role("link", name="Cancel").click()

    add_by_mouse(page, "root.steps", "Wait for")
    save(page)
    add_by_mouse(page, "root.steps", "If / else")
    expect(page.get_by_text("To be completed").first).to_be_visible()
    fork = part_of(page, "If / else")
    add_by_mouse(page, f"{fork}.conditions", "Lead is open")
    add_by_mouse(page, f"{fork}.then", "Send a text")
    page.get_by_label("Template").select_option(label=SECOND)
    save(page)
    add_by_mouse(page, f"{fork}.otherwise", "Stop")
    add_by_mouse(page, "root.steps", "Move the lead")
    page.get_by_label("Stage").select_option(label="Nurture")
    save(page)
    add_by_mouse(page, "root.steps", "Wait for")
    page.get_by_role("textbox", name=re.compile("^Days")).fill("7")
    save(page)
    assert violations(page) == []

    with page.expect_response("**/place"):
        drag_above(page, "Wait 7 days", "Move the lead to “Nurture”")
    expect(page.locator("#undo-edit")).to_be_enabled()
    expect(page.locator("#builder .step-words").last).to_have_text("Move the lead to “Nurture”")
    page.locator(f"[id='{menu_of(page, 'Wait 7 days')}']").click()
    page.get_by_role("button", name="Remove", exact=True).click()
    expect(page.get_by_role("link", name="Wait 7 days", exact=True)).to_have_count(0)
    page.locator("#toasts").get_by_role("button", name="Undo").click()
    expect(page.get_by_role("link", name="Wait 7 days", exact=True)).to_be_visible()

    page.get_by_role("link", name="Publish", exact=True).click()
    expect(page.get_by_role("heading", level=1, name=re.compile("^Publish"))).to_be_visible()
    assert violations(page) == []
    expect(page.get_by_text("Several sequences would write to one person.")).to_be_visible()
    page.get_by_role("button", name="Publish 7 steps").click()
    is_published(page, house)


def part_of(page: Page, words: str) -> str:
    found = page.get_by_role("link", name=words, exact=True).first.get_attribute("id")
    return str(found).removeprefix("edit-")


def menu_of(page: Page, words: str) -> str:
    return f"menu-{part_of(page, words)}"


def drag_above(page: Page, words: str, other: str) -> None:
    """Take a step by its grip and drop it above another one."""
    grip = page.locator(f"#part-{part_of(page, words)} > .step-card .step-grip")
    target = page.locator(f"#part-{part_of(page, other)} > .step-card")
    begin, end = grip.bounding_box(), target.bounding_box()
    assert begin is not None
    assert end is not None
    page.mouse.move(begin["x"] + 4, begin["y"] + 4)
    page.mouse.down()
    for share in (0.3, 0.6, 0.9, 1.0):
        page.mouse.move(begin["x"] + 4, begin["y"] + (end["y"] + 4 - begin["y"]) * share)
    page.mouse.up()


def choose(hands: Hands, page: Page, kind: str) -> None:
    """Choose a kind where one is asked what comes here; the focus stands on the first of them."""
    expect(page.locator("#chooser")).to_be_visible()
    hands.reach(page.locator("#chooser").get_by_role("button", name=kind, exact=True))
    hands.press("Enter")
    expect(page.locator("#chooser")).to_have_count(0)


def add_by_keys(hands: Hands, page: Page, place: str, kind: str) -> None:
    page.locator(f"[id='add-{place}']").focus()
    hands.press("Enter")
    choose(hands, page, kind)


def save_by_keys(hands: Hands, page: Page) -> None:
    hands.reach(page.locator(".is-open").get_by_role("button", name="Save"))
    hands.press("Enter")
    expect(page.locator(".is-open")).to_have_count(0)


def test_a_follow_up_is_built_previewed_and_published_by_keys(page: Page, house: House) -> None:
    hands = Hands(page)
    hands.reach(page.get_by_role("textbox", name="Name", exact=True))
    hands.type(NAME)
    hands.press("Enter")
    hands.reach(page.get_by_role("link", name="Choose what starts it"))
    hands.press("Enter")
    hands.reach(page.get_by_label("Starts when"))
    hands.type("A lead is created")
    hands.press("Enter")
    hands.reach(page.locator("#form-trigger").get_by_role("button", name="Save"))
    hands.press("Enter")
    expect(page.get_by_text("Kept:").first).to_be_visible()
    hands.reach(page.get_by_role("link", name="Steps", exact=True))
    hands.press("Enter")
    expect(page.get_by_text("It does nothing yet")).to_be_visible()

    # The key of a new step; its form has the focus at once.
    hands.press("a")
    choose(hands, page, "Send a text")
    expect(page.get_by_label("Template")).to_be_focused()
    hands.type(FIRST)
    save_by_keys(hands, page)
    # It stands on what was saved, and Enter opens that again.
    expect(page.get_by_role("link", name=STORY[0], exact=True)).to_be_focused()
    hands.press("Enter")
    expect(page.get_by_role("region", name="Preview").locator(".said")).to_contain_text("this is")
    hands.press("Escape")
    expect(page.locator(".is-open")).to_have_count(0)

    add_by_keys(hands, page, "root.steps", "Wait for")
    save_by_keys(hands, page)
    add_by_keys(hands, page, "root.steps", "If / else")
    fork = part_of(page, "If / else")
    add_by_keys(hands, page, f"{fork}.conditions", "Lead is open")
    add_by_keys(hands, page, "root.steps", "Send a text")
    hands.type(SECOND)
    save_by_keys(hands, page)
    expect(page.get_by_role("link", name=STORY[3], exact=True)).to_be_focused()
    # Into the first way of the step above.
    hands.press("Shift+ArrowRight")
    expect(page.locator(".way .step-words").first).to_have_text(STORY[3])
    add_by_keys(hands, page, f"{fork}.otherwise", "Stop")
    add_by_keys(hands, page, "root.steps", "Wait for")
    expect(page.get_by_role("textbox", name=re.compile("^Days"))).to_be_focused()
    hands.press("Control+a")
    hands.type("7")
    save_by_keys(hands, page)
    add_by_keys(hands, page, "root.steps", "Move the lead")
    hands.type("Nurture")
    save_by_keys(hands, page)
    assert violations(page) == []

    expect(page.get_by_role("link", name=STORY[-1], exact=True)).to_be_focused()
    # Up and back, and its end, which is taken back.
    hands.press("Shift+ArrowUp")
    expect(page.locator("#builder .step-words").last).to_have_text("Wait 7 days")
    expect(page.get_by_role("link", name=STORY[-1], exact=True)).to_be_focused()
    hands.press("Shift+ArrowDown")
    expect(page.locator("#builder .step-words").last).to_have_text(STORY[-1])
    expect(page.get_by_role("link", name=STORY[-1], exact=True)).to_be_focused()
    hands.press("Delete")
    expect(page.get_by_role("link", name=STORY[-1], exact=True)).to_have_count(0)
    hands.press("z")
    expect(page.get_by_role("link", name=STORY[-1], exact=True)).to_be_visible()

    hands.reach(page.get_by_role("link", name="Publish", exact=True))
    hands.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Publish version 1")
    hands.reach(page.get_by_role("button", name="Publish 7 steps"))
    hands.press("Enter")
    is_published(page, house)


def test_a_ready_sequence_is_changed_and_published_without_scripts(
    site: Site, house: House
) -> None:
    with site.opened(390, has_scripts=False) as page:
        page.goto(f"{site.base}/sequences/new")
        page.get_by_role("button", name="Use: Answer a new request").click()
        expect(page.get_by_text("The sequence is here as a draft.")).to_be_visible()
        page.get_by_role("link", name="Wait 1 day", exact=True).click()
        page.get_by_role("textbox", name=re.compile("^Days")).fill("2")
        page.get_by_role("button", name="Save").click()
        page.get_by_role("button", name="Move down: Wait 2 days").click()
        page.get_by_role("link", name="Add a step", exact=True).click()
        page.get_by_role("button", name="Stop", exact=True).click()
        page.get_by_role("link", name="Publish", exact=True).click()
        page.get_by_role("button", name=re.compile(r"Publish \d steps")).click()
        expect(page.get_by_text("Version 1 is live.")).to_be_visible()
        assert [words.split(" “")[0] for words in words_of(page)] == [
            *("Send the text", "Send the text", "Wait 2 days", "Wait 3 days"),
            *("Send the text", "Stop"),
        ]
