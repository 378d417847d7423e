"""Two furnished clinics whose leads are worked on."""

from tests.flows.conftest import app, house, other_house

__all__ = ["app", "house", "other_house"]
