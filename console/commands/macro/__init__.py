"""Macros: named lists of command lines with parameters.

    file.py ─▶ MacroFile ─▶ expand.py ─▶ Script ─▶ run.py        record.py ─▶ a file
    (TOML, checked)        (values in, every line understood)

A macro is understood whole before its first step: what is wrong with it is told with file and line.
"""
