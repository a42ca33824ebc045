"""One protocol for each connection, the factory that they share, and the service around them."""
