/**
 * Whose pushes a peer takes: addresses, networks, local networks, everybody, or whoever names a group.
 *
 * An address is what the network shows, so it is as good as the network. A group is only what the other side says of itself: it sorts
 * peers that work together from others, and keeps nobody out who wants in.
 */
import { BlockList, isIP } from 'node:net';
import { ShoalError } from '../../common/core/errors.js';
import { isLan } from '../../common/core/peer-address.js';
import { LABEL } from '../../common/wire/attributes.js';

/** Who is allowed where nobody is named. */
export const ALLOWED_BY_DEFAULT: readonly string[] = ['lan'];

const GROUP_PREFIX = 'group:';

export class AllowList {
  readonly #addresses = new BlockList();
  readonly #groups = new Set<string>();
  #isLanAllowed = false;
  #isEveryoneAllowed = false;

  /** Each text is an IP address, a network as `10.1.0.0/16`, `lan`, `any` or `group:<label>`. Throws `USAGE`. */
  constructor(texts: readonly string[]) {
    for (const text of texts) this.#add(text.trim());
  }

  /** Whether a push may come from a canonical IP address that says it is of `group`. */
  isAllowed(ip: string, group: string | undefined): boolean {
    if (this.#isEveryoneAllowed || (this.#isLanAllowed && isLan(ip))) return true;
    if (group !== undefined && this.#groups.has(group)) return true;
    const version = isIP(ip);
    return version !== 0 && this.#addresses.check(ip, version === 4 ? 'ipv4' : 'ipv6');
  }

  #add(text: string): void {
    if (text === 'any') this.#isEveryoneAllowed = true;
    else if (text === 'lan') this.#isLanAllowed = true;
    else if (text.startsWith(GROUP_PREFIX)) this.#addGroup(text.slice(GROUP_PREFIX.length));
    else this.#addNetwork(text);
  }

  #addGroup(label: string): void {
    if (LABEL.read(label) === undefined) refuse(GROUP_PREFIX + label);
    this.#groups.add(label);
  }

  #addNetwork(text: string): void {
    const [ip = '', bits, ...rest] = text.split('/');
    const version = isIP(ip);
    const mostBits = version === 4 ? 32 : 128;
    if (version === 0 || rest.length > 0) refuse(text);
    if (bits !== undefined && !(/^\d{1,3}$/.test(bits) && Number(bits) <= mostBits)) refuse(text);
    this.#addresses.addSubnet(ip, bits === undefined ? mostBits : Number(bits), version === 4 ? 'ipv4' : 'ipv6');
  }
}

function refuse(text: string): never {
  const takes = 'an IP address, a network such as 10.1.0.0/16, lan, any or group:<label>';
  throw new ShoalError('USAGE', 'local', `--accept-from takes ${takes}, not "${text}".`);
}
