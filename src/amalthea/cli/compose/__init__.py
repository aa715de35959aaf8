"""The explanation of a session, as data, from a snapshot. Nothing is requested, and the time is handed in."""
