"""The engine of the operator: watches, stores, the work queue, workers and leader election.

Nothing here knows sessions, Kubernetes kinds or HTTP; `amalthea.kube` implements the ports of `ports.py`.
"""
