"""What can go wrong with a session: causes and next steps in words for a researcher. `failures.py` picks the worst."""
