"""The work queue, what bounds it, and the controller that works through it."""
