"""What all manifests are made with: the subject, metadata, URLs, bounds and small snippets."""
