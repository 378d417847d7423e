"""Clinics, users, memberships, sign-in and API keys."""
