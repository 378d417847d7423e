"""What this process refused, for Prometheus; each web process tells its own."""

from prometheus_client import Counter

REFUSED = Counter(
    "frontdesk_webhooks_refused",
    "Calls whose signature nobody's token made (TW-6)",
    ["provider", "kind"],
    registry=None,
)
