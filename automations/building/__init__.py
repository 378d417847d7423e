"""The builder: drafts as trees that are edited part by part, and the pages that show them."""
