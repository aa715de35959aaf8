"""What we think: pure functions of what was observed, the time and the settings. No clock, no network, no chance."""
