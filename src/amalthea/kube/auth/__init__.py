"""As whom, and with which trust, the API server is spoken to: kubeconfigs, tokens, certificates and plugins."""
