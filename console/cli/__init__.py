"""The command line: argv in, tables or JSON out, an exit code. Never imports Textual."""
