"""Real processes are killed, clocks jump, servers restart: nothing is lost and nothing doubled."""
