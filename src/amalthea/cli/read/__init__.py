"""What is read of a session from the API server, and the snapshot that is made of it."""
