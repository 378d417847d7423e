"""The board: a pipeline's leads by stage, with filters, saved views and moves."""
