"""The stores of objects, and what keeps them equal to the server."""
