#!/usr/bin/env python3
"""Computes the sha256 half of golden-roots.json with nothing but the standard library, from the text of common/PROTOCOL.md alone.

    python3 test_files/golden-roots.py        prints: size, root
"""
import hashlib

CHUNK = 524_288


def h(data):
    return hashlib.sha256(data).digest()


def content(size):
    return bytes((7 * i + (i >> 16)) & 255 for i in range(size))


def mth(entries):
    """Merkle tree hash, RFC 9162 section 2.1.1, word for word."""
    if not entries:
        return h(b"")
    if len(entries) == 1:
        return h(b"\x00" + entries[0])
    k = 1
    while k * 2 < len(entries):
        k *= 2
    return h(b"\x01" + mth(entries[:k]) + mth(entries[k:]))


for size in (0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK):
    data = content(size)
    hashes = [h(data[at:at + CHUNK]) for at in range(0, size, CHUNK)]
    root = h(b"\x02" + size.to_bytes(8, "big") + CHUNK.to_bytes(4, "big") + mth(hashes))
    print(size, root.hex())
