"""Clones a session's repositories before it starts: one by flags (`clone`), or several by variables (`shellclone`)."""
