"""What a session is: fields, names and reasons. Imports nothing of the project."""
