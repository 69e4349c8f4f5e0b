"""Placement: which instance of which service runs on which host, and why.

    text ─▶ unit_file ─▶ spec (quarterdeck_keys | fleet_keys ─▶ policy) ─┐
    hosts ─▶ candidate ──────────────────────────────────────────────────┼─▶ scheduler ─▶ Placement
    what is placed now ──────────────────────────────────────────────────┘   (ledger, rules, ranking)

Everything here is a pure function over values: no I/O, no clock, no chance.
"""
