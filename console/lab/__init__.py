"""Real hosts on one machine: Debian booted by systemd-nspawn, reached over SSH like any other fleet.

`console.lab.lab.Lab` is the face. Nothing here is imported by another room but the command line's.
"""
