"""The practice: who we serve, what we may say, what was said."""
