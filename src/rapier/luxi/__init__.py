"""LUXI, Ganeti's protocol on a unix socket: framing, a pool of connections, one typed method for each call."""
