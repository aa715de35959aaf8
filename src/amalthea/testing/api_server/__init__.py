"""A fake API server, for faults that a real one does not show on request; what users meet is tested on a real one."""
