"""What is said: templates, conversations, texts and emails, and how they leave."""
