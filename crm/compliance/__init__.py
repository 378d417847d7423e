"""What may be said to whom, and when: consent, suppression, quiet hours, the gate."""
