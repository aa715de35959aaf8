"""The decisions: pure functions of what was observed, the time and the settings. No clock, network or randomness."""
