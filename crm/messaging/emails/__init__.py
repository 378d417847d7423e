"""Emails: what their templates may say, and how they look."""
