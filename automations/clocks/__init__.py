"""The time that triggers look at: whose moment came, found a chunk at a time, each once."""
