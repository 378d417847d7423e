"""Live pages: what every process commits is told to the open pages of its clinic (ADR 15)."""

from crm.web.live.hub import Hub
from crm.web.live.listener import Listener
from crm.web.live.pages import PATH, asks_by_itself, client_of
from crm.web.live.stopping import closed_by_signals
from crm.web.live.stream import Stream
from crm.web.live.topics import Topic, changed_by, keys_of

__all__ = [
    "PATH",
    "Hub",
    "Listener",
    "Stream",
    "Topic",
    "asks_by_itself",
    "changed_by",
    "client_of",
    "closed_by_signals",
    "keys_of",
]
