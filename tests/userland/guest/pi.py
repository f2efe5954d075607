# SPDX-License-Identifier: MIT
#
# pi.py: the first N decimals of pi, by Machin's formula in integers: another way than pi.pl's.

import sys


def arctan_inverse(x, unity):
    power = total = unity // x
    n, sign = 3, -1
    while power:
        power //= x * x
        total += sign * (power // n)
        n, sign = n + 2, -sign
    return total


digits = int(sys.argv[1])
unity = 10 ** (digits + 10)
pi = 4 * (4 * arctan_inverse(5, unity) - arctan_inverse(239, unity)) // 10**10
print(f"3.{str(pi)[1:]}")
