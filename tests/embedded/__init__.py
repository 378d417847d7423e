"""Tests of the bundled servers."""
