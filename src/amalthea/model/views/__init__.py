"""What was observed: the kinds of object as far as they are read, and what they mean on their own."""
