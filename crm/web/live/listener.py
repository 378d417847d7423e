"""One open page: what it was not told yet, in room that is bounded."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from uuid import UUID

from fastapi.sse import format_sse_event

from crm.core.news import MOST_TOLD
from crm.web.live.topics import Changed

PING = format_sse_event(data_str="{}")


@dataclass(eq=False)
class Listener:
    """An open page of a login: `topics` are the keys that it asked for.

    What the page is slow to take is added up: it is told once that all of a topic may have
    changed. `age` is for how many seconds the page may have missed something.
    """

    clinic_id: UUID
    login_id: UUID
    topics: frozenset[str]
    client_id: UUID | None = None
    age: float = 0.0
    is_over: bool = False
    is_signed_out: bool = False
    is_pinged: bool = False
    _untold: dict[str, set[str] | None] = field(default_factory=dict)
    _has_news: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def has_news(self) -> bool:
        """Whether there is something to be told."""
        return self._has_news.is_set()

    def hear(self, changed: Changed) -> None:
        """Remember what the page has to be told of this."""
        for key in self.topics & changed.keys():
            ids, known = changed[key], self._untold.setdefault(key, set())
            if known is not None:
                known |= ids or frozenset()
                if ids is None or len(known) > MOST_TOLD:
                    self._untold[key] = None
        if self._untold:
            self._has_news.set()

    def reread(self) -> None:
        """Tell the page that anything may have changed."""
        self.hear(dict.fromkeys(self.topics))

    def ping(self) -> None:
        """Say that the stream lives; a page that did not take the last ping is dropped."""
        if self.is_pinged:
            self.end()
        self.is_pinged = True
        self._has_news.set()

    def end(self, *, is_signed_out: bool = False) -> None:
        """End the stream; the page comes back by itself, unless its login is over."""
        self.is_over, self.is_signed_out = True, is_signed_out
        self._has_news.set()

    async def messages(self) -> AsyncIterator[bytes]:
        """Yield what is to be sent: at once that the stream is open, then whatever there is."""
        yield PING
        while not self.is_over:
            await self._has_news.wait()
            self._has_news.clear()
            untold, self._untold, self.is_pinged = self._untold, {}, False
            told = {key: sorted(ids or ()) for key, ids in untold.items()}
            if not self.is_over:
                yield format_sse_event(data_str=json.dumps({"changed": told})) if told else PING
        if self.is_signed_out:
            yield format_sse_event(data_str='{"over": true}')
