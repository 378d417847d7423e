"""What a page costs a browser that has never been there: bytes, nodes, and when one sees it."""

from collections.abc import Mapping
from dataclasses import dataclass

from playwright.sync_api import CDPSession, Page

Network = Mapping[str, int]

SLOW_PHONE: Network = {
    "latency": 150,
    "downloadThroughput": 1_600_000 // 8,
    "uploadThroughput": 750_000 // 8,
}
"""Slow 4G: milliseconds, and bytes a second."""

SLOWER = 4
"""How much slower than this machine a phone computes."""

_ENTRIES = """
(type) => {
  const observer = new PerformanceObserver(() => {});
  observer.observe({ type, buffered: true });
  return observer.takeRecords().map((entry) => ({
    at: entry.startTime, shift: entry.hadRecentInput ? 0 : entry.value ?? 0,
  }));
}
"""


@dataclass(frozen=True)
class Weight:
    """What one page cost: kilobytes on the wire, elements, milliseconds, and the shift."""

    kb: float
    script_kb: float
    nodes: int
    lcp_ms: float
    cls: float


class Scales:
    """Weighs the pages of one tab, each with an empty cache."""

    def __init__(self, page: Page, *, is_slow_phone: bool = False) -> None:
        self._page = page
        self._wire: CDPSession = page.context.new_cdp_session(page)
        self._kinds: dict[str, str] = {}
        self._bytes: dict[str, int] = {}
        self._wire.on("Network.responseReceived", self._note_kind)
        self._wire.on("Network.loadingFinished", self._note_bytes)
        self._wire.send("Network.enable")
        if is_slow_phone:
            slow = {"offline": False, **SLOW_PHONE}
            self._wire.send("Network.emulateNetworkConditions", slow)
            self._wire.send("Emulation.setCPUThrottlingRate", {"rate": SLOWER})

    def weigh(self, url: str) -> Weight:
        """Load a page as for the first time. Raises RuntimeError where it does not come."""
        self._wire.send("Network.clearBrowserCache")
        self._kinds.clear()
        self._bytes.clear()
        answer = self._page.goto(url, wait_until="load")
        if answer is None or not answer.ok:
            raise RuntimeError(f"{url} was not shown")
        self._page.evaluate("() => new Promise((done) => setTimeout(done, 300))")
        painted = self._page.evaluate(_ENTRIES, "largest-contentful-paint")
        shifts = self._page.evaluate(_ENTRIES, "layout-shift")
        return Weight(
            kb=sum(self._bytes.values()) / 1000,
            script_kb=sum(
                size for of, size in self._bytes.items() if self._kinds.get(of) == "Script"
            )
            / 1000,
            nodes=self._page.evaluate("() => document.getElementsByTagName('*').length"),
            lcp_ms=painted[-1]["at"] if painted else 0.0,
            cls=sum(shift["shift"] for shift in shifts),
        )

    def _note_kind(self, event: Mapping[str, str]) -> None:
        self._kinds[event["requestId"]] = event["type"]

    def _note_bytes(self, event: Mapping[str, int]) -> None:
        self._bytes[str(event["requestId"])] = int(event["encodedDataLength"])
