"""The headless process that carries out what is desired: elected in etcd, over SSH, through plans."""
