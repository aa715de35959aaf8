"""A real Kubernetes on one Linux machine, without Docker: for the demo, for tests and for the benchmark.

`python -m lab` is its command line. `ControlPlane` in `lab.control_plane.control_plane` is what tests use from Python.
"""
