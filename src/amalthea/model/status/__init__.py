"""The status of a session: its conditions, its times, and the Event that a change is worth."""
