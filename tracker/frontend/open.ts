/** Opens the front ends of a tracker: TCP, and UDP on the port of the same number, so that one address names both. */
import { asShoalError, ShoalError } from '../../common/core/errors.js';
import type { DatagramPort } from '../../common/ports/datagram.js';
import type { Random } from '../../common/ports/random.js';
import { TcpFrontend, type TcpFrontendOptions, type TcpFrontendParts } from './tcp.js';
import { UdpFrontend, type UdpFrontendOptions } from './udp.js';

export interface FrontendParts extends TcpFrontendParts {
  readonly random: Random;
  /** Absent: TCP alone. */
  readonly datagrams: DatagramPort | undefined;
}

export interface Frontends {
  readonly tcp: TcpFrontend;
  readonly udp: UdpFrontend | undefined;
}

/** Free TCP ports that are tried until one is free for UDP too. */
const TRIES_COUNT = 16;

/** Throws `NETWORK` or `DENIED` where a port cannot be had; then none is held. */
export async function openFrontends(parts: FrontendParts, options: TcpFrontendOptions & UdpFrontendOptions): Promise<Frontends> {
  const { datagrams } = parts;
  for (let tries = 1; ; tries += 1) {
    const tcp = await TcpFrontend.listen(parts, options);
    if (datagrams === undefined) return { tcp, udp: undefined };
    try {
      return { tcp, udp: await UdpFrontend.listen({ ...parts, datagrams }, { ...options, port: tcp.local.port }) };
    } catch (error) {
      await tcp.close();
      if (options.port === 0 && tries < TRIES_COUNT) continue;
      const { code, fault, message } = asShoalError(error);
      throw new ShoalError(code, fault, `${message.replace(/\.$/, '')}, or take --no-udp.`, error);
    }
  }
}
