"""Reads a session from the API server, and makes a snapshot of it."""
