"""Sessions on other machines: the remote session controller, and a module for each kind of remote backend."""
