"""What stands around a page: who is signed in, in which clinic, and where one can go."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from starlette.requests import Request


@dataclass(frozen=True)
class NavItem:
    """One entry of the rail; `label` is already translated, `count` is a badge when not 0.

    `beside` are the addresses of pages that it leads to and that do not lie below it.
    """

    label: str
    href: str
    icon: str
    count: int = 0
    hint: str = ""
    beside: Sequence[str] = ()

    def is_current(self, path: str) -> bool:
        """Return whether a path is this page, lies below it, or is one beside it."""
        return any(
            f"{path}/".startswith(f"{one.rstrip('/')}/") for one in (self.href, *self.beside)
        )


@dataclass(frozen=True)
class NavGroup:
    """Entries that belong together, under a name; both are already translated."""

    label: str
    entries: Sequence[NavItem]


@dataclass(frozen=True)
class Banner:
    """What is the matter in the clinic, above every page, and where one can act on it."""

    message: str
    href: str


@dataclass(frozen=True)
class Frame:
    """Set by `accounts` as `request.state.frame`; the templates read it as `frame`.

    `counts` is how many things of a kind wait for the user, `zone` and `now` are what `when` uses,
    `region` what `phone` uses. `can` are the capabilities of the user's role; `bars` are the
    templates that higher packages put into the top bar. `links` are the addresses of the user's own
    menu by name, and of the page's stream; one that is not there is not offered.
    """

    clinic_id: UUID | None = None
    clinic_name: str = ""
    user_name: str = ""
    nav: Sequence[NavItem] = ()
    sections: Sequence[NavGroup] = ()
    ribbon: str = ""
    banners: Sequence[Banner] = ()
    counts: Mapping[str, int] = field(default_factory=dict)
    zone: str = "UTC"
    region: str = "US"
    now: datetime | None = None
    theme: str = "system"
    has_shortcuts: bool = True
    can: frozenset[str] = frozenset()
    bars: Sequence[str] = ()
    links: Mapping[str, str] = field(default_factory=dict)


def frame_of(request: Request) -> Frame:
    """Return the request's frame; an empty one where nobody is signed in."""
    frame = getattr(request.state, "frame", None)
    return frame if isinstance(frame, Frame) else Frame()
