/**
 * Datagrams over UDP. Every way in which the system reports a failure ends in the owner's `failed`: an ICMP message that nobody listens
 * (ECONNREFUSED), a datagram that is too long (EMSGSIZE), full buffers (ENOBUFS), a network that is gone.
 *
 * Sending costs one callback that all sends share, and no look-up: addresses are numeric here, and Node would resolve each anew.
 */
import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { lookup as resolveHost } from 'node:dns/promises';
import { isIPv6 } from 'node:net';
import { ShoalError, systemCode } from '../core/errors.js';
import { canonicalIp, type HostPort, type PeerAddress } from '../core/peer-address.js';
import type { DatagramAddress, DatagramHandlers, DatagramPort, DatagramSocket } from '../ports/datagram.js';
import { localIpFor } from './local-ip.js';
import { listenError, reachError } from './net-errors.js';

/** Bytes that the system shall hold of what came and was not read yet, and the least worth asking for: a burst of thousands. */
const BUFFER_BYTES = 4 * 1024 * 1024;
const BUFFER_MIN_BYTES = 256 * 1024;

const ANY_ADDRESSES: readonly string[] = ['0.0.0.0', '::'];

/** Gives back the address that it is given, at once: names were resolved before. */
function takeNumeric(address: string, family: number, done: (error: null, address: string, family: number) => void): void {
  done(null, address, family);
}

class UdpSocket implements DatagramSocket {
  readonly local: PeerAddress;
  readonly #socket: Socket;
  readonly #handlers: DatagramHandlers;
  readonly #remote: HostPort | undefined;
  readonly #isIPv6: boolean;
  #closing: Promise<void> | undefined;
  /** One for all sends: a closure for each would be garbage for each. */
  readonly #sent = (error: Error | null): void => {
    if (error !== null) this.#failed(error);
  };

  constructor(socket: Socket, handlers: DatagramHandlers, remote?: HostPort) {
    this.#socket = socket;
    this.#handlers = handlers;
    this.#remote = remote;
    const { address, family, port } = socket.address();
    this.local = { ip: canonicalIp(address.split('%')[0] ?? '') ?? address, port };
    this.#isIPv6 = family === 'IPv6';
    socket.on('message', (bytes: Uint8Array, from: RemoteInfo) => handlers.datagram(bytes, addressOf(from)));
    socket.on('error', (error) => this.#failed(error));
  }

  send(bytes: Uint8Array, to?: DatagramAddress): void {
    // Port 0 is nobody's, but a forged datagram can say that it comes from there, and Node throws at it.
    if (this.#closing !== undefined || to?.port === 0) return;
    if (to === undefined) this.#socket.send(bytes, 0, bytes.length, this.#sent);
    else this.#socket.send(bytes, 0, bytes.length, to.port, this.#socketIp(to), this.#sent);
  }

  localIpFor(remoteIp: string): string {
    return ANY_ADDRESSES.includes(this.local.ip) ? localIpFor(remoteIp) : this.local.ip;
  }

  close(): Promise<void> {
    this.#closing ??= new Promise((resolve) => this.#socket.close(() => resolve()));
    return this.#closing;
  }

  /** A socket of both families takes an IPv4 address in its IPv6 form. */
  #socketIp({ ip, zone }: DatagramAddress): string {
    if (this.#isIPv6 && !ip.includes(':')) return `::ffff:${ip}`;
    return zone === undefined ? ip : `${ip}%${zone}`;
  }

  #failed(error: Error): void {
    if (this.#closing !== undefined) return;
    this.#handlers.failed(sendError(this.#remote, error));
  }
}

function addressOf({ address, port }: RemoteInfo): DatagramAddress {
  if (!address.includes(':')) return { ip: address, port };
  const [ip = '', zone] = address.split('%');
  const canonical = canonicalIp(ip) ?? ip;
  return zone === undefined ? { ip: canonical, port } : { ip: canonical, port, zone };
}

function sendError(remote: HostPort | undefined, error: Error): ShoalError {
  switch (systemCode(error)) {
    case 'EMSGSIZE':
      return new ShoalError('NETWORK', 'environment', 'A datagram is longer than this network takes; use TCP here.', error);
    case 'ENOBUFS':
      return new ShoalError('NETWORK', 'environment', 'The system has no memory for datagrams; it sends too much.', error);
    case 'EPERM':
    case 'EACCES':
      return new ShoalError('NETWORK', 'environment', 'A firewall of this machine forbids to send a datagram.', error);
    default:
      if (remote !== undefined) return reachError(remote, error);
      return new ShoalError('NETWORK', 'environment', `A datagram could not be sent or received: ${error.message}.`, error);
  }
}

/** Asks the system for large buffers. It may give less, or, on some systems, refuse; then smaller ones will do. */
function enlargeBuffers(socket: Socket): void {
  for (const enlarge of [socket.setRecvBufferSize, socket.setSendBufferSize]) {
    for (let bytes = BUFFER_BYTES; bytes >= BUFFER_MIN_BYTES; bytes /= 2) {
      try {
        enlarge.call(socket, bytes);
        break;
      } catch {
        // What there is by default stays.
      }
    }
  }
}

/** A socket on a port, or connected; its events belong to nobody yet. Rejects with the system's error. */
function openSocket(ip: string, open: (socket: Socket, opened: (error?: Error) => void) => void): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = createSocket({ type: isIPv6(ip) ? 'udp6' : 'udp4', lookup: takeNumeric as never });
    const failed = (error: Error): void => {
      socket.close();
      reject(error);
    };
    socket.once('error', failed);
    // Node tells a failed bind as an event, and a failed connect here.
    open(socket, (error) => {
      socket.off('error', failed);
      if (error !== undefined) return failed(error);
      enlargeBuffers(socket);
      resolve(socket);
    });
  });
}

/** Numeric addresses of a host, IPv4 first: a tracker that was told nothing else listens there alone. */
async function addressesOf(host: string): Promise<string[]> {
  const found = await resolveHost(host, { all: true, verbatim: true });
  return found.sort((left, right) => left.family - right.family).map(({ address }) => address);
}

export const udpPort: DatagramPort = {
  async bind(at, handlers) {
    try {
      const [ip = at.host] = await addressesOf(at.host);
      const socket = await openSocket(
        ip,
        (one, opened) => void one.bind({ address: ip, port: at.port, exclusive: true }, opened),
      );
      return new UdpSocket(socket, handlers);
    } catch (error) {
      throw listenError(at, error as Error, 'UDP');
    }
  },

  async connect(to, handlers) {
    let failure: unknown;
    for (const ip of await addressesOf(to.host).catch((error: Error) => Promise.reject(reachError(to, error)))) {
      try {
        return new UdpSocket(await openSocket(ip, (one, opened) => one.connect(to.port, ip, opened)), handlers, to);
      } catch (error) {
        failure = error;
      }
    }
    throw reachError(to, failure as Error);
  },
};
