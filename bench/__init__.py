"""The bench: each bar of the product beside its yardstick, in one run."""
