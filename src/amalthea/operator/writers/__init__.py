"""All that the operator writes: children, the finalizer, status, Events, and the end of a session."""
