/**
 * What the contract says of names, sizes, roots and addresses, written down a second time and without the program's own parsers: what a
 * decoder accepts must be good here too.
 */
import { isIP } from 'node:net';
import { law } from './target.js';

/** Every character that no name and no printed text may hold: controls, the backslash, what reorders or hides text, half characters. */
function isForbidden(code: number): boolean {
  if (code < 0x20 || (code >= 0x7f && code <= 0x9f) || code === 0x5c || code === 0x61c) return true;
  if (code === 0x200e || code === 0x200f || code === 0x2028 || code === 0x2029) return true;
  return (code >= 0x202a && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069) || (code >= 0xd800 && code <= 0xdfff);
}

/** A name as `wire.md` has it. */
export function lawfulName(name: string): void {
  law(name.length > 0 && Buffer.byteLength(name) <= 1024, 'a name has 1 to 1,024 bytes');
  for (const character of name) law(!isForbidden(character.codePointAt(0) ?? 0), 'a name holds no control character and no mark');
  law(name.normalize('NFC') === name, 'a name is in NFC');
  for (const part of name.split('/')) {
    law(part !== '' && part !== '.' && part !== '..', 'no part of a name is empty, "." or ".."');
    law(Buffer.byteLength(part) <= 255, 'a part of a name has at most 255 bytes');
  }
}

/** Text for a terminal or a log. */
export function lawfulText(text: string): void {
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    law(
      code === 0x5c || (code >= 0xd800 && code <= 0xdfff) || !isForbidden(code),
      'a text from elsewhere holds no control character',
    );
  }
}

export function lawfulSize(size: number): void {
  law(Number.isSafeInteger(size) && size >= 0 && !Object.is(size, -0), 'a size is a whole number of bytes up to 2^53 - 1');
}

export function lawfulRoot(root: string): void {
  law(root.length === 64 && [...root].every((digit) => '0123456789abcdef'.includes(digit)), 'a root is 64 lower-case hex digits');
}

export function lawfulAddress({ ip, port }: { readonly ip: string; readonly port: number }): void {
  const version = isIP(ip);
  law(version !== 0 && !ip.includes('%') && ip === ip.toLowerCase(), 'an address is an IP address');
  law(Number.isInteger(port) && port >= 1 && port <= 65_535, 'a port is 1 to 65535');
  law(
    !/^(0\.|2(2[4-9]|[345]\d)\.|ff[0-9a-f]{2}:|::$|::ffff:[^:]+:[^:]+$)/.test(ip),
    'an address is one that a peer can have, and canonical',
  );
}

/** A line that the program writes: whole, short, and one. */
export function lawfulLine(line: string, maxBytes: number): void {
  law(line.endsWith('\n') && line.indexOf('\n') === line.length - 1, 'a line has one line feed, at its end');
  law(!/[\u0000-\u0009\u000b-\u001f\u007f]/.test(line), 'a line holds no control character');
  law(Buffer.byteLength(line) <= maxBytes, `a line has at most ${maxBytes} bytes`);
}
