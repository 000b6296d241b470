/** Datagrams as the rest of the program sees them: each arrives whole, or twice, or later than the next one, or not at all. */
import type { ShoalError } from '../core/errors.js';
import type { HostPort, PeerAddress } from '../core/peer-address.js';

/** Where a datagram came from. */
export interface DatagramAddress extends PeerAddress {
  /** The network interface that a link-local address is on: an answer must go out there. */
  readonly zone?: string;
}

export interface DatagramSocket {
  readonly local: PeerAddress;
  /**
   * Sends a datagram, or loses it. `to` is left out on a connected socket and needed on any other. The bytes must not be changed
   * afterwards. After the close it does nothing.
   */
  send(bytes: Uint8Array, to?: DatagramAddress): void;
  /** The address of this machine at which somebody at `remoteIp` reaches this socket; where there are several, the likeliest. */
  localIpFor(remoteIp: string): string;
  /** Resolves when the port is free. No handler is called after the call. Idempotent. */
  close(): Promise<void>;
}

/** What the owner of a socket gives to it. No handler may throw. */
export interface DatagramHandlers {
  datagram(bytes: Uint8Array, from: DatagramAddress): void;
  /**
   * Something could not be sent or received; the socket goes on. `NETWORK` with what to do. A connected socket is told so that nobody
   * listens at the other end, where the other machine says it.
   */
  failed(error: ShoalError): void;
}

export interface DatagramPort {
  /** A socket that hears from everybody. Port 0 takes a free one. Throws `NETWORK`, or `DENIED` where the port is not ours to take. */
  bind(at: HostPort, handlers: DatagramHandlers): Promise<DatagramSocket>;
  /** A socket on a free port that talks to one address alone: what others send to it never arrives. Throws `NETWORK`. */
  connect(to: HostPort, handlers: DatagramHandlers): Promise<DatagramSocket>;
}
