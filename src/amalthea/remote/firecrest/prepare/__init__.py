"""The session's folder on the cluster, and all that its job finds there: script, command, environment."""
