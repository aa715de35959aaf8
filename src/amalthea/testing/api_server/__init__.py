"""A fake API server, for faults that a real one does not show on request.

It is never the proof that an API server accepts a request, or of what a write does there: `tests/api` asks a real one.
"""
