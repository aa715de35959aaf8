"""The project's container images, and the programs that build them."""
