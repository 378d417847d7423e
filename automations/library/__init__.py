"""Sequences that a clinic can begin with: ready to be looked at, changed and published.

Their texts name the clinic and no treatment: whoever reads one over a shoulder learns only that a
clinic wrote. The first text to a person also tells the way out, which is added as it leaves
(LAW-31); where a programme goes on for months its own first text says so.
"""

from automations.library.afterwards import AFTERWARDS
from automations.library.ready import Ready
from automations.library.requests import REQUESTS

LIBRARY: tuple[Ready, ...] = (*REQUESTS, *AFTERWARDS)


def ready_by(code: str) -> Ready | None:
    """Return a ready sequence by its code."""
    return next((one for one in LIBRARY if one.code == code), None)
