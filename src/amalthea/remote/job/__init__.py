"""The job of a session: submitted once, watched, cancelled, and what is known of it."""
