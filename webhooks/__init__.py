"""The edge: what providers and integrators send us."""
