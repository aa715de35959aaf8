"""Logs and metrics of the operator, their forms and names in one place."""
