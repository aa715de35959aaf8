"""Remote backends without a site: FirecREST, Run:ai and a token issuer; behind them a cluster in memory or a Slurm."""
