"""Identity and trust towards the API server: kubeconfigs, tokens, certificates and plugins."""
