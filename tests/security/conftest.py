"""A furnished clinic, to be attacked."""

from tests.flows.conftest import app, house, other_house

__all__ = ["app", "house", "other_house"]
