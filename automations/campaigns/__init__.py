"""Campaigns: a sequence started for many contacts at once."""
