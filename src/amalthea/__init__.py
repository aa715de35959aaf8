"""Amalthea: a Kubernetes operator for user sessions."""

__version__ = "1.0.0"
