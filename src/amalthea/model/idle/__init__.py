"""Whether somebody works in a session: the signals, the verdict, and when to ask for them."""
