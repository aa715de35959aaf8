"""A real Kubernetes on one Linux machine, without Docker: for the demo, for tests and for the benchmark.

`python -m lab` is its command line. `lab.control_plane.ControlPlane` is what tests use from Python.
"""
