"""Stand-ins for what is outside the product: real processes on loopback, no imitations in it."""
