"""Decisions on a request: whose it is, whether it may carry a token, where it goes, and what is withheld."""
