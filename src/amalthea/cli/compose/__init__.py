"""What is made of a snapshot: the explanation of a session, as data. Nobody is asked, and the time is handed in."""
