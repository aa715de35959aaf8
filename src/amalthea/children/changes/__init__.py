"""From manifests to writes: what differs, whether it may be written now, and how."""
