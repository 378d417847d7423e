"""Triggers, sequences, enrollments and the runner."""
