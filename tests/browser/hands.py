"""Somebody's hands at a page."""

from playwright.sync_api import Locator, Page, expect

MOST_STOPS = 80


class Hands:
    """Somebody at a keyboard: counts what is pressed and clicked beside the typing."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.count = 0

    def press(self, *keys: str) -> None:
        """Press keys one after another."""
        for key in keys:
            self.page.keyboard.press(key)
            self.count += 1

    def click(self, what: Locator) -> None:
        """Click or tap something."""
        what.click()
        self.count += 1

    def choose(self, where: Locator, index: int) -> None:
        """Open a list and choose one of it."""
        where.select_option(index=index)
        self.count += 2

    def type(self, words: str) -> None:
        """Type words."""
        self.page.keyboard.type(words)

    def reach(self, wanted: Locator) -> None:
        """Go on with Tab until something has the focus; fails if it never gets it."""
        expect(wanted).to_be_visible()
        for _ in range(MOST_STOPS):
            if wanted.evaluate("element => element === document.activeElement"):
                return
            self.press("Tab")
        raise AssertionError(f"Tab does not lead to {wanted}")
