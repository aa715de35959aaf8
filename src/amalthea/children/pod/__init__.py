"""The pod template of a session: its containers, its volumes, and what of the spec reaches it."""
