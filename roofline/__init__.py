"""Time of a workload on a design: operators, memory traffic, the roofline kernel, serving metrics.

Pure functions of numbers or arrays plus cited tables. Nothing here knows a study, a technology or a file
outside this package's own ``data`` folder.
"""
