"""Workers: the actors that claim due work, the broker that wakes them, the scheduler that rings."""
