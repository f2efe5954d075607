# SPDX-License-Identifier: MIT
#
# library.py: what Python's libraries make of known input: hashes, compression, decimals, fractions, dates, regular
# expressions, floating point as hexadecimal. The host's Python prints the same.

import binascii
import decimal
import fractions
import hashlib
import json
import math
import random
import re
import struct
import sys
import zlib

sys.set_int_max_str_digits(0)
random.seed(20240101)
data = bytes(random.getrandbits(8) if i % 3 else i & 0xFF for i in range(200000))
for name in ("md5", "sha1", "sha256", "sha512", "sha3_256", "blake2b"):
    print(name, hashlib.new(name, data).hexdigest())
packed = zlib.compress(data, 9)
assert zlib.decompress(packed) == data
print("crc", binascii.crc32(data), zlib.adler32(data))
decimal.getcontext().prec = 300
print(decimal.Decimal(2).sqrt() + decimal.Decimal(1).exp())
print(sum(fractions.Fraction(1, n) for n in range(1, 300)))
print(pow(3, 2**127 - 2, 2**127 - 1), math.factorial(2000) % 2003, len(str(2**44497 - 1)))
values = [random.gauss(0, 1) for _ in range(20000)]
print(math.fsum(values).hex(), math.fsum(v * v for v in values).hex())
print(math.fsum(math.sqrt(abs(v)) for v in values).hex(), math.fsum(round(v, 3) for v in values).hex())
table = {f"k{i}": [i, i / 7, str(i) * (i % 5), None, i % 2 == 0] for i in range(5000)}
text = json.dumps(table, sort_keys=True)
assert json.loads(text) == table
print(len(text), hashlib.sha256(text.encode()).hexdigest())
print(len(re.findall(r'"k(\d*7)": \[\d+, (\d+\.\d{3})', text)))
print(struct.pack("<dfq", math.pi, math.e, -1234567890123456789).hex())
sieve = bytearray([1]) * 2000000
for i in range(2, 1415):
    if sieve[i]:
        sieve[i * i :: i] = bytes(len(range(i * i, 2000000, i)))
print("primes", sum(sieve) - 2)
