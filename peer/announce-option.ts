/** `--announce`: where others reach a peer, if that is not where it is seen. */
import { ShoalError } from '../common/core/errors.js';
import { parsePeerAddress, parsePort } from '../common/core/peer-address.js';

/** The port that others reach a peer at. `undefined` where nothing is announced, or no port. */
export function announcedPort(announce: string | undefined): number | undefined {
  return announce === undefined ? undefined : parsePort(announce.slice(announce.lastIndexOf(':') + 1));
}

/** Throws `USAGE`. Names are not resolved: a tracker never would, and an address that is wrong tomorrow is of no use. */
export function checkAnnounce(text: string): void {
  const refuse = (): never => {
    const example = '203.0.113.5:4701, [2001:db8::5]:4701 or *:4701';
    throw new ShoalError('USAGE', 'local', `--announce takes an IP address and a port (${example}), not "${text}".`);
  };
  if (text.startsWith('*:')) {
    if (parsePort(text.slice(2)) === undefined) refuse();
    return;
  }
  try {
    parsePeerAddress(text);
  } catch {
    refuse();
  }
}
