"""ONE host: the connection to it and the sources read over it. Nothing above knows what SSH is."""
