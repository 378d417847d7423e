"""Tests of the rendering layer, each with a tiny application of its own."""
