"""The tokens that open the remote backend: how they are had, and kept until shortly before their end."""
