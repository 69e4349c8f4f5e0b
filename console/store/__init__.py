"""etcd, the fleet's memory: a client that loses nothing, and the one module that knows its keys."""
