"""How we talk to a Kubernetes API server: configuration, a thin client, watches, errors.

Knows nothing of sessions: it moves plain dicts and whatever projections it is given.
"""
