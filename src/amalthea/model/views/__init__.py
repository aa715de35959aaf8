"""The observed objects: the kinds as far as they are read, and what they mean on their own."""
