"""The base of all of the lab: the machine, its ports and programs, certificates, the cache and the state."""
