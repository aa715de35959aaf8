"""What the rest of the lab stands on: the machine, its ports and programs, certificates, the cache and the state."""
