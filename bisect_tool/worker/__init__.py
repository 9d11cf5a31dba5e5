"""Run inside a model's own environment: build it, record it, run it under an intervention.

This package is started as a script with the interpreter that the recipe names. It needs the
standard library, numpy, safetensors and the framework, parses on Python 3.8, and imports nothing
from the rest of the tool.
"""
