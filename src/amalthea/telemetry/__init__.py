"""What the operator tells about itself: logs and metrics, their forms and names in one place."""
