"""The demos: a session from nothing, explained step by step."""
