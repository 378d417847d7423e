"""Tests mirror the packages; the folders are packages, so that names do not clash."""
