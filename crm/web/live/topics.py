"""What a page may listen for, and which news change it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from crm.core.news import News

Whose = Literal["lead_id", "contact_id", "user_id"]
Changed = Mapping[str, frozenset[str] | None]
"""What changed, by key, with the ids of what changed in it; None where all of it may have."""


@dataclass(frozen=True)
class Topic:
    """Something that pages show: for whom, changed by which news, and whose it is if somebody's.

    A page asks for `board`, or for `lead-<id>` where the topic is of one lead. `lists` is what the
    page is told of each change. A topic of one user is asked for by its bare name.
    """

    name: str
    capability: str | None
    news: tuple[str, ...] = ("",)
    of: Whose | None = None
    lists: Whose | None = None

    def key(self, news: News) -> str | None:
        """Return the key of what these news change, if anything."""
        ids = [getattr(news, each) for each in (self.of, self.lists) if each]
        if None in ids or not news.name.startswith(self.news):
            return None
        return f"{self.name}-{ids[0]}" if self.of else self.name


def changed_by(topics: Sequence[Topic], news: Iterable[News]) -> Changed:
    """Return what news change, by key."""
    changed: dict[str, frozenset[str]] = {}
    for each in news:
        for topic in topics:
            key = topic.key(each)
            if key is not None:
                listed = getattr(each, topic.lists) if topic.lists else None
                ids = frozenset([str(listed)]) if listed else frozenset()
                changed[key] = changed.get(key, frozenset()) | ids
    return {key: ids or None for key, ids in changed.items()}


def keys_of(topics: Iterable[Topic], asked: Iterable[str], user_id: UUID) -> dict[str, str]:
    """Return the keys of what a page asked for, each with the page's own word for it.

    What is no topic, or none of these, is left out.
    """
    by_name = {topic.name: topic for topic in topics}
    keys = {}
    for word in asked:
        name, dash, _whose = word.partition("-")
        topic = by_name.get(name)
        if topic is None or bool(dash) != (topic.of in ("lead_id", "contact_id")):
            continue
        keys[f"{name}-{user_id}" if topic.of == "user_id" else word] = word
    return keys
