/** Random values of the program's own types, for property tests. */
import fc from 'fast-check';
import { type FileName, parseFileName } from '../core/file-name.js';
import { formatPeerAddress, type PeerAddress, parsePeerAddress } from '../core/peer-address.js';
import { type ContentRoot, parseContentRoot } from '../core/root.js';

function isAccepted(parse: () => unknown): boolean {
  try {
    parse();
    return true;
  } catch {
    return false;
  }
}

/** Letters of many scripts, spaces of every kind, and the characters that mean something in a line, a link or a shell. */
const nameCharacter = fc.oneof(
  fc.constantFrom(...' %@=&+#?*:;,\'"<>|~-_.\u00a0\u3000éßжあ𝔘🐟'),
  fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }),
);

export const anyFileName: fc.Arbitrary<FileName> = fc
  .array(fc.string({ unit: nameCharacter, minLength: 1, maxLength: 20 }), { minLength: 1, maxLength: 4 })
  .map((parts) => parts.join('/').normalize('NFC'))
  .filter((text) => isAccepted(() => parseFileName(text)))
  .map((text) => parseFileName(text));

export const anyRoot: fc.Arbitrary<ContentRoot> = fc
  .uint8Array({ minLength: 32, maxLength: 32 })
  .map((bytes) => parseContentRoot(Buffer.from(bytes).toString('hex')));

export const anySize: fc.Arbitrary<number> = fc.oneof(fc.maxSafeNat(), fc.nat(3 * 524_288), fc.constant(0));

const port = fc.integer({ min: 1, max: 65_535 });

export const anyPeerAddress: fc.Arbitrary<PeerAddress> = fc
  .oneof(
    fc.tuple(fc.ipV4(), port).map(([ip, number]) => `${ip}:${number}`),
    fc.tuple(fc.ipV6(), port).map(([ip, number]) => `[${ip}]:${number}`),
  )
  .filter((text) => isAccepted(() => parsePeerAddress(text)))
  .map((text) => parsePeerAddress(text));

export const anyLabel: fc.Arbitrary<string> = fc.stringMatching(/^[A-Za-z0-9._-]{1,64}$/);

export const anyMediaType: fc.Arbitrary<string> = fc.constantFrom('text/plain', 'application/vnd.example+xml');

export const anyChecksum: fc.Arbitrary<string> = fc
  .uint8Array({ minLength: 4, maxLength: 64 })
  .map((bytes) => `sha-512:${Buffer.from(bytes).toString('hex')}`);

/** Texts near to valid ones and far from them, for parsers that must survive anything. */
export const anyJunk: fc.Arbitrary<string> = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.string(),
  anyPeerAddress.map((address) => `${formatPeerAddress(address)}0`),
  fc.constantFrom('__proto__', 'constructor', '-1', '1e9', '0x10', 'NaN', '', ' ', '@', '%', '%zz', '\u0000'),
);
