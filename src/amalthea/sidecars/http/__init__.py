"""HTTP as all programs here speak it: messages, connections, the way to servers, and whom they trust."""
