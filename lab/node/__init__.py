"""A node with real containers on this machine, and the add-ons of its cluster."""
