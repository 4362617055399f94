"""The space of designs, evaluating it, searching it, running that anywhere.

The only place where design columns meet physics: ``evaluate = metrics(factors(designs, scenario))``.
"""
