"""What `make install`, `deploy`, `docker-build`, `chart-package` and `release` do; see the files below `make/`."""
