"""The status of a session: its conditions, its times, and the Event for a change."""
