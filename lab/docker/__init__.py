"""A Docker engine of a test's own."""
