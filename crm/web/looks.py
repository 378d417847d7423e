"""Class names of the kit by our words for a look; whole, since unused rules are left out of it."""

from collections.abc import Mapping

LOOKS: Mapping[str, Mapping[str, str]] = {
    "button": {
        "primary": "btn btn-primary",
        "plain": "btn",
        "quiet": "btn btn-ghost-secondary",
        "danger": "btn btn-outline-danger",
    },
    "badge": {
        "plain": "badge",
        "blue": "badge bg-blue-lt",
        "green": "badge bg-green-lt",
        "yellow": "badge bg-yellow-lt",
        "red": "badge bg-red-lt",
        "purple": "badge bg-purple-lt",
        "orange": "badge bg-orange-lt",
    },
    "alert": {
        "good": "alert alert-success",
        "bad": "alert alert-danger",
        "plain": "alert alert-info",
    },
}
