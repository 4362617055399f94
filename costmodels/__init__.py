"""Watts, dollars and grams of a design: one quantity per module, constants in ``data`` with their sources.

Pure functions of numbers or arrays. Constants come in by name and in SI units (areas of silicon in mm2, by custom).
Per design only + - x / sqrt min max ceil are used: they round the same on every machine.
"""
