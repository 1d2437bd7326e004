"""What a sceptic looks with: listening sockets, routes, and secrets that lie about."""
