"""The benchmark: many sessions on fake nodes through their life, counted and timed; and the chaos around them."""
