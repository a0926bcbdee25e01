"""The stories behind the sample data, one module a domain. `generate.py` beside this folder writes the files."""
