"""axe-core in a page: what of it people could not use."""

import sys
from functools import cache
from pathlib import Path

from playwright.sync_api import Page

SOURCE = Path(sys.prefix) / "assets" / "node_modules" / "axe-core" / "axe.min.js"
"""Installed with what the pages are made of: `make setup`."""

_RUN = """
async () => {
  // A color on its way from one theme to another is no page's; what turns for ever stays. They are
  // ended and not waited for: what changes below a closed summary never ends by itself.
  for (const one of document.getAnimations()) {
    if (one.effect.getTiming().iterations < 1e9) one.finish();
  }
  const { violations } = await axe.run(document, { resultTypes: ["violations"] });
  return violations.flatMap((rule) => rule.nodes.map(
    (node) => `${rule.id}: ${node.target.join(" ")}: ${node.html}`
  ));
}
"""


@cache
def _source() -> str:
    return SOURCE.read_text()


def violations(page: Page) -> list[str]:
    """Return what axe finds in a page as it stands, by all of its rules."""
    page.evaluate(_source())
    found: list[str] = page.evaluate(_RUN)
    return found
