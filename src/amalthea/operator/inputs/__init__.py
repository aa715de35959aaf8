"""All that the operator reads: the cache, and what it asks pods, the metrics API and Events for."""
