"""The connections: those that come in, the way out, and what is read and written on them."""
