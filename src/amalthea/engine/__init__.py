"""What keeps the operator running: watching, storing, queueing, working and electing.

Nothing here knows sessions, Kubernetes kinds or HTTP; ``amalthea.kube`` implements the ports of ``ports.py``.
"""
