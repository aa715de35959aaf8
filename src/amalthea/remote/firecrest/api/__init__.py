"""FirecREST's HTTP interface: the calls that a session needs, and what their answers mean."""
