"""What is new for somebody of the clinic: requests, replies, tasks, and what sequences tell."""
