"""A furnished clinic, as its front desk meets it."""

from tests.flows.conftest import app, house, other_house

__all__ = ["app", "house", "other_house"]
