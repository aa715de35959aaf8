"""Questions over HTTP: as data, over the network, and which of them are asked again."""
