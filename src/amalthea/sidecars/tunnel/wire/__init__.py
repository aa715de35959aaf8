"""The parts that both ends of a tunnel share: frames, the WebSocket, and the two connections of a tunnel."""
