# SPDX-License-Identifier: MIT
#
# pi.pl: the first N decimals of pi, by Gibbons's spigot with Math::BigInt: long divisions and multiplications in Perl.

use strict;
use warnings;
use Math::BigInt;

my ($digits) = @ARGV;
my ($q, $r, $t, $k, $m, $x) = (Math::BigInt->new(1), Math::BigInt->new(0), Math::BigInt->new(1), 1, 3, 3);
my $out = '';

while (length $out < $digits + 1) {
    if (4 * $q + $r - $t < $m * $t) {
        $out .= $m;
        my $next = 10 * ($r - $m * $t);
        $m = (10 * (3 * $q + $r)) / $t - 10 * $m;
        $q *= 10;
        $r = $next;
    } else {
        my $next = (2 * $q + $r) * $x;
        my $new = ($q * (7 * $k) + 2 + $r * $x) / ($t * $x);
        $q *= $k;
        $t *= $x;
        $x += 2;
        $k += 1;
        $m = $new;
        $r = $next;
    }
}
print substr($out, 0, 1), '.', substr($out, 1, $digits), "\n";
