/**
 * The network as one run of a program sees it: its streams are not read while it is stopped, and nothing of it is told to the dead.
 *
 * Invariant: between a stop and a going-on no handler of the program is called.
 */
import type { DatagramHandlers, DatagramPort, DatagramSocket } from '../ports/datagram.js';
import type { ByteStream, Dialer, ListenPort, ServedStream, StreamHandlers } from '../ports/net.js';
import type { SimLife } from './sim-life.js';

/** Never settles: what a dead program waits for. */
function never<T>(): Promise<T> {
  return new Promise<T>(() => undefined);
}

export function livingDialer(life: SimLife, dialer: Dialer): Dialer {
  return {
    dial: (to, timeoutMs, handlers, signal) => {
      if (life.isDead) return never();
      let stream: LivingStream<ByteStream> | undefined;
      const dialed = dialer.dial(
        to,
        timeoutMs,
        (inner) => {
          stream = new LivingStream(life, inner);
          return stream.begin(handlers);
        },
        signal,
      );
      return life.promise(dialed.then((inner) => stream ?? inner));
    },
  };
}

export function livingListener(life: SimLife, listener: ListenPort): ListenPort {
  return {
    listen: (options, accept) => {
      if (life.isDead) return never();
      return life.promise(listener.listen(options, (inner) => new LivingServedStream(life, inner).begin(accept)));
    },
  };
}

export function livingDatagrams(life: SimLife, port: DatagramPort): DatagramPort {
  const told = (handlers: DatagramHandlers): DatagramHandlers => ({
    datagram: (bytes, from) => life.call(() => handlers.datagram(bytes, from)),
    failed: (error) => life.call(() => handlers.failed(error)),
  });
  const owned = (opened: Promise<DatagramSocket>) =>
    life.promise(opened.then((socket) => new LivingSocket(life, socket) as DatagramSocket));
  return {
    bind: (at, handlers) => (life.isDead ? never() : owned(port.bind(at, told(handlers)))),
    connect: (to, handlers) => (life.isDead ? never() : owned(port.connect(to, told(handlers)))),
  };
}

class LivingSocket implements DatagramSocket {
  readonly #life: SimLife;
  readonly #inner: DatagramSocket;

  constructor(life: SimLife, inner: DatagramSocket) {
    this.#life = life;
    this.#inner = inner;
  }

  get local() {
    return this.#inner.local;
  }

  send(...datagram: Parameters<DatagramSocket['send']>): void {
    if (!this.#life.isDead) this.#inner.send(...datagram);
  }

  localIpFor(remoteIp: string): string {
    return this.#inner.localIpFor(remoteIp);
  }

  close(): Promise<void> {
    return this.#life.isDead ? never() : this.#life.promise(this.#inner.close());
  }
}

class LivingStream<Inner extends ByteStream> implements ByteStream {
  protected readonly life: SimLife;
  protected readonly inner: Inner;
  #owner: StreamHandlers | undefined;
  #isPausedByOwner = false;
  #unwatch: () => void = () => undefined;

  constructor(life: SimLife, inner: Inner) {
    this.life = life;
    this.inner = inner;
    if (!life.isDead) this.#unwatch = life.watch({ stopped: () => inner.pause(), goesOn: () => this.#goOn() });
  }

  /** What the network is to tell; the owner has its stream as soon as the program runs. */
  begin(handlersOf: (stream: this) => StreamHandlers): StreamHandlers {
    const { life } = this;
    if (!life.isRunning) this.inner.pause();
    life.call(() => {
      this.#owner = handlersOf(this);
    });
    const owner = () => this.#owner;
    return {
      data: (bytes) => life.call(() => owner()?.data(bytes)),
      get buffer() {
        return owner()?.buffer?.bind(owner()) as () => Uint8Array;
      },
      drained: () => life.call(() => owner()?.drained?.()),
      ended: () => life.call(() => owner()?.ended()),
      closed: (error) => {
        this.#unwatch();
        life.call(() => owner()?.closed(error));
      },
    };
  }

  get remote() {
    return this.inner.remote;
  }

  get local() {
    return this.inner.local;
  }

  get queuedBytes(): number {
    return this.inner.queuedBytes;
  }

  write(...parts: (Uint8Array | string)[]): boolean {
    return this.life.isDead || this.inner.write(...parts);
  }

  pause(): void {
    this.#isPausedByOwner = true;
    this.inner.pause();
  }

  resume(): void {
    this.#isPausedByOwner = false;
    if (this.life.isRunning) this.inner.resume();
  }

  end(): void {
    if (!this.life.isDead) this.inner.end();
  }

  destroy(): void {
    if (!this.life.isDead) this.inner.destroy();
  }

  #goOn(): void {
    if (!this.#isPausedByOwner) this.inner.resume();
  }
}

class LivingServedStream extends LivingStream<ServedStream> implements ServedStream {
  get takenBytes(): number {
    return this.inner.takenBytes;
  }

  send(flushed: () => void, ...parts: (Uint8Array | string)[]): void {
    if (!this.life.isDead) this.inner.send(() => this.life.call(flushed), ...parts);
  }
}
