"""The profile kind: a cluster by Docker and kind, and the node image that it has where none can be pulled."""
