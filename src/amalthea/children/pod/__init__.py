"""The pod template of a session: its containers, its volumes, and the part of the spec that reaches it."""
