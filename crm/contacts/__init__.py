"""The people a clinic serves: who they are, how they are reached, who shares an address."""
