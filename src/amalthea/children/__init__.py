"""What we want: pure functions from a session and the settings to manifests, a file per kind of child."""
