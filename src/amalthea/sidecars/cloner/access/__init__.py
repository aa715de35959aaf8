"""Access to a repository: its address, the credentials for it, and how git gets them, step by step."""
