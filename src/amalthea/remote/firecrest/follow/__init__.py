"""The job once it is submitted: its state, its output, and its end."""
