"""Somebody who signs in by the form."""

from typing import Any

from playwright.sync_api import Page

from crm.accounts.models import Role
from tests.support.browsing import PASSWORD
from tests.support.houses import House, email_of


def sign_in(page: Page, base_url: str, email: str, password: str = PASSWORD) -> None:
    """Sign in at a server and wait for the board, where one begins."""
    page.goto(f"{base_url}/sign-in")
    page.get_by_label("Email").fill(email)
    page.get_by_label("Password").fill(password)
    page.get_by_label("Password").press("Enter")
    page.wait_for_url("**/pipeline*")


def sign_in_as(page: Page, house: House, role: Role) -> None:
    """Sign in as a house's member of a role, at its public address."""
    sign_in(page, house.runtime.settings.base_url, email_of(role, house.clinic))


def sign_in_to_demo(page: Page, info: dict[str, Any], role: Role = "front_desk") -> None:
    """Sign in as the demo's user of a role; `info` is what `frontdesk demo-info` tells."""
    user = next(one for one in info["users"] if one["role"] == role)
    sign_in(page, info["base_url"], user["email"], user["password"])
