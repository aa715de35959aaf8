"""Decides whether a session is idle: the signals, the verdict, and when to ask for them."""
