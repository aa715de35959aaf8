"""Logs and metrics of the operator, and access to its metrics."""
