"""HTTP as all programs here speak it: one client, the way to servers, connections, messages, and the trusted CAs."""
