"""The tables of the first schema, a module a room: where its models are."""
