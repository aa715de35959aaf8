"""The troubles of a session: causes and next steps in words for a researcher. `checks.py` picks the worst."""
