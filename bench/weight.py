"""PF-10: weight, DOM nodes and first view of the pages, against their budgets."""

from collections.abc import Callable
from urllib.parse import urljoin

from playwright.sync_api import Page

from bench.crowd import EMAIL, PASSWORD
from bench.house import House
from bench.pages import ALONE, filled, served
from bench.report import Bar, at_most, compare
from tests.support.chromium import open_page
from tests.support.weighing import Scales, Weight

_DATABASE = "frontdesk_weight"
_PHONE = (390, 844)

BUDGETS: tuple[tuple[str, str, float, Callable[[Weight], float]], ...] = (
    ("weight", "KB", 170, lambda weight: weight.kb),
    ("scripts", "KB", 60, lambda weight: weight.script_kb),
    ("DOM", "nodes", 4_000, lambda weight: weight.nodes),
    ("LCP", "ms", 2_000, lambda weight: weight.lcp_ms),
    ("CLS", "", 0.05, lambda weight: weight.cls),
)
"""What a page may cost; LCP and CLS on a phone that computes and loads slowly."""


def measure(house: House, rounds: int) -> list[Bar]:
    """Load each page by Chromium with an empty cache; the yardstick of a bar is its budget."""
    [lead_id, *_] = filled(house, _DATABASE, ALONE)
    paths = {"board": "/pipeline", "lead": f"/leads/{lead_id}", "tasks": "/tasks"}
    with (
        served(house, _DATABASE) as address,
        open_page(*_PHONE, may_complain=True) as page,
    ):
        _sign_in(page, address)
        scales = Scales(page, is_slow_phone=True)
        weighed = {
            name: [scales.weigh(urljoin(address, path)) for _ in range(rounds)]
            for name, path in paths.items()
        }
    return [bar for name, weights in weighed.items() for bar in _bars(name, weights)]


def _bars(name: str, weights: list[Weight]) -> list[Bar]:
    return [
        compare(
            f"PF-10 {name} {what}",
            unit,
            [of(weight) for weight in weights],
            [budget] * len(weights),
            first=at_most(1),
            goal=at_most(0.8),
        )
        for what, unit, budget, of in BUDGETS
    ]


def _sign_in(page: Page, address: str) -> None:
    page.goto(urljoin(address, "/sign-in"))
    page.get_by_label("Email").fill(EMAIL)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_label("Password").press("Enter")
    page.wait_for_url("**/pipeline*")
