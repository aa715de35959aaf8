"""The actions of `make install`, `deploy`, `docker-build`, `chart-package`, `release`; see the files below `make/`."""
