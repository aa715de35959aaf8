"""The shared parts of all manifests: the subject, metadata, URLs, bounds and small snippets."""
