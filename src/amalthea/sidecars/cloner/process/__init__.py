"""The processes of git: how they are run, confined and understood."""
