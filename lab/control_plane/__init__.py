"""The control plane of a cluster, alone or with fake nodes, and a client of its API."""
