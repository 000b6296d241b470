/** Which of this machine's addresses another machine knows it by, as far as the addresses of the network interfaces tell. */
import { BlockList, isIPv6 } from 'node:net';
import { networkInterfaces } from 'node:os';
import { canonicalIp } from '../core/peer-address.js';

interface LocalNetwork {
  readonly ip: string;
  readonly family: 'ipv4' | 'ipv6';
  readonly isInternal: boolean;
  readonly members: BlockList;
}

/** Milliseconds for which a reading of the interfaces is good: it takes a system call for each of them. */
const READING_MS = 10_000;

let networks: readonly LocalNetwork[] = [];
let readMs = Number.NEGATIVE_INFINITY;

function readNetworks(): readonly LocalNetwork[] {
  const found: LocalNetwork[] = [];
  for (const { address, family, cidr, internal } of Object.values(networkInterfaces()).flatMap((list) => list ?? [])) {
    const ip = canonicalIp(address.split('%')[0] ?? '');
    const bitCount = Number(cidr?.split('/')[1]);
    if (ip === undefined || !Number.isInteger(bitCount)) continue;
    const type = family === 'IPv6' ? 'ipv6' : 'ipv4';
    const members = new BlockList();
    members.addSubnet(ip, bitCount, type);
    found.push({ ip, family: type, isInternal: internal, members });
  }
  return found;
}

/** The address in the network of `remoteIp`, or else the first that is not internal; `remoteIp` itself where the machine has none. */
export function localIpFor(remoteIp: string): string {
  if (performance.now() - readMs > READING_MS) {
    readMs = performance.now();
    networks = readNetworks();
  }
  const family = isIPv6(remoteIp) ? 'ipv6' : 'ipv4';
  const candidates = networks.filter((network) => network.family === family);
  const near = candidates.find(({ members }) => members.check(remoteIp, family));
  return (near ?? candidates.find(({ isInternal }) => !isInternal))?.ip ?? remoteIp;
}
