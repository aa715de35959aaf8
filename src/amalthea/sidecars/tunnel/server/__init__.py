"""The server in the session's pod: whom it lets in, and what it joins them with."""
