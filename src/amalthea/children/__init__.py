"""The desired state: pure functions from a session and the settings to manifests, one file per kind of child."""
