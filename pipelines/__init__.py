"""Pipelines, stages, leads and how requests become leads."""
