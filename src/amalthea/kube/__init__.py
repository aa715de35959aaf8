"""The client of the Kubernetes API server: configuration, requests, watches, errors.

Knows nothing of sessions: it moves plain dicts and whatever projections it is given.
"""
