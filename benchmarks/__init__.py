"""What safelight costs, measured beside what else could be used: `make bench`.

Every row of the table names its bar and its reference. Both are measured in the same run, in turns, several times; the
table gives medians and ratios, for machines are noisy and ratios less so.
"""
