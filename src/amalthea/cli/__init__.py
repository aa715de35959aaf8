"""The user's commands: what they read, what they make of it, and how they show it."""
