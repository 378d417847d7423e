"""Tasks: what somebody of the clinic has to do until when, mostly about a lead."""
