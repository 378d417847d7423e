"""What a page may listen for, and which news change it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from crm.core.news import News

Whose = Literal["lead_id", "contact_id"]
Changed = Mapping[str, frozenset[str] | None]
"""What changed, by key, with the ids of what changed in it; None where all of it may have."""


@dataclass(frozen=True)
class Topic:
    """Something that pages show: to whom, changed by which news, and of whom if of somebody.

    A page asks for `board`, or for `lead-<id>` where the topic is of one lead. `lists` is what the
    page is told of each change.
    """

    name: str
    capability: str
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


def keys_of(topics: Iterable[Topic], asked: Iterable[str]) -> frozenset[str]:
    """Return the keys that a page asked for; what is none of these topics is left out."""
    is_of = {topic.name: topic.of is not None for topic in topics}
    words = ((word, *word.partition("-")) for word in asked)
    return frozenset(word for word, name, dash, _ in words if is_of.get(name) is bool(dash))
