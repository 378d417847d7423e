"""What is new for somebody of the clinic: requests, replies, tasks that others gave them."""
