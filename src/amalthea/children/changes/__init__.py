"""Compares manifests with the existing children: what differs, whether it may be written now, and how."""
