"""What safelight costs, compared with alternatives: `make bench`.

Every row of the table names its bar and its reference. Both are measured in the same run, in turns, several times; the
table gives medians and ratios, for machines are noisy and ratios less so.
"""
