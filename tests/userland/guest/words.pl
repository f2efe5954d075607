# SPDX-License-Identifier: MIT
#
# words.pl: writes a text of pseudo-random words, counts them by a hash, sorts by count and name, and does regular expressions
# and formatted floating point on them. The host's perl prints the same.

use strict;
use warnings;

my $seed = 12345;
my @syllables = qw(ka lo mi ne pu ra so ti vu wa ze xo);
my $text = '';

sub draw {
    $seed = ($seed * 1103515245 + 12345) % 2147483648;
    return int($seed / 65536) % $_[0];
}

for my $line (1 .. 4000) {
    $text .= join(' ', map { join '', map { $syllables[draw(12)] } 0 .. draw(3) } 1 .. 8) . "\n";
}
my %count;
$count{$_}++ for $text =~ /\w+/g;
my @best = sort { $count{$b} <=> $count{$a} || $a cmp $b } keys %count;
print scalar(keys %count), " words, ", length $text, " bytes\n";
print "$_ $count{$_}\n" for @best[0 .. 19];
(my $other = $text) =~ s/(ka|lo)(\w\w)/uc($2) . $1/ge;
my $sum = unpack '%32C*', $other;
my $double = () = $text =~ /\b(\w\w)\1\b/g;
print "sum $sum, twice $double\n";
my ($s, $e, $m) = (0, 0, 0);
for my $i (1 .. 50000) {
    $s += sin($i) * cos($i / 3);
    $e += exp(-$i / 1000) / sqrt $i;
    $m += log($i) ** 1.5;
}
printf "%.12f %.12f %.9e\n", $s, $e, $m;
print pack('H*', unpack 'H*', join ',', map { sprintf '%o:%x:%b', $_, $_ * 7, $_ } 1 .. 5), "\n";
