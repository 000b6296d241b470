/**
 * What every `DatagramPort` must do: run on the real sockets and on their simulated twin, so that what holds in a simulation holds on
 * a network. The networks under test lose nothing.
 */
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { ShoalError } from '../core/errors.js';
import type { DatagramAddress, DatagramPort, DatagramSocket } from '../ports/datagram.js';

export interface DatagramWorld {
  readonly port: DatagramPort;
  /** An address of this world that can be bound and reached. */
  readonly host: string;
}

/** A socket that remembers what it was given, and lets a test wait for it. */
class RecordingSocket {
  readonly received: { readonly text: string; readonly from: DatagramAddress }[] = [];
  readonly failures: ShoalError[] = [];
  onDatagram: (bytes: Uint8Array, from: DatagramAddress) => void = () => undefined;
  socket!: DatagramSocket;

  datagram(bytes: Uint8Array, from: DatagramAddress): void {
    this.received.push({ text: Buffer.from(bytes).toString(), from });
    this.onDatagram(bytes, from);
  }

  failed(error: ShoalError): void {
    this.failures.push(error);
  }

  async until(isMet: () => boolean): Promise<void> {
    while (!isMet()) await new Promise(setImmediate);
  }
}

export function datagramContract(worldName: string, makeWorld: () => DatagramWorld): void {
  describe(`datagrams over ${worldName}`, () => {
    let world: DatagramWorld;
    let opened: RecordingSocket[];

    const bind = async (port = 0, host = world.host): Promise<RecordingSocket> => {
      const end = new RecordingSocket();
      end.socket = await world.port.bind({ host, port }, end);
      opened.push(end);
      return end;
    };
    const connect = async (port: number): Promise<RecordingSocket> => {
      const end = new RecordingSocket();
      end.socket = await world.port.connect({ host: world.host, port }, end);
      opened.push(end);
      return end;
    };
    const at = (end: RecordingSocket): DatagramAddress => ({ ip: world.host, port: end.socket.local.port });

    beforeEach(() => {
      world = makeWorld();
      opened = [];
    });

    afterEach(async () => {
      await Promise.all(opened.map((end) => end.socket.close()));
    });

    test('arrive whole, with the address that they came from, the empty one too', async () => {
      const [near, far] = [await bind(), await bind()];
      far.onDatagram = (bytes, from) => far.socket.send(bytes, from);
      for (const text of ['é', '', 'x'.repeat(9000)]) near.socket.send(Buffer.from(text), at(far));
      await near.until(() => near.received.length === 3);
      expect(near.received.map(({ text }) => text)).toEqual(['é', '', 'x'.repeat(9000)]);
      expect(far.received.map(({ from }) => from)).toEqual([at(near), at(near), at(near)]);
      expect([near.socket.local, near.socket.localIpFor(world.host)]).toEqual([at(near), world.host]);
    });

    test('UD4: never reach a connected socket from anybody but the other end', async () => {
      const [server, stranger] = [await bind(), await bind()];
      const client = await connect(server.socket.local.port);
      expect(client.socket.local.ip).toBe(world.host);
      stranger.socket.send(Buffer.from('not yours'), at(client));
      client.socket.send(Buffer.from('question'));
      await server.until(() => server.received.length === 1);
      server.socket.send(Buffer.from('answer'), server.received[0]?.from);
      await client.until(() => client.received.length > 0);
      expect(client.received).toEqual([{ text: 'answer', from: at(server) }]);
    });

    test('UD8: to a port where nobody listens fail at a connected socket as NETWORK, and it goes on', async () => {
      const gone = await bind();
      const { port } = gone.socket.local;
      await gone.socket.close();
      const client = await connect(port);
      client.socket.send(Buffer.from('anybody?'));
      await client.until(() => client.failures.length > 0);
      expect(client.failures[0]).toMatchObject({ code: 'NETWORK', message: expect.stringContaining(`${world.host}:${port}`) });
      const back = await bind(port);
      // The system may tell of the first datagram once more with the next one.
      await client.until(() => {
        client.socket.send(Buffer.from('again'));
        return back.received.length > 0;
      });
      expect(back.received[0]?.from).toEqual(at(client));
    });

    test('UD8: that are too long fail as NETWORK, and the socket goes on', async () => {
      const [near, far] = [await bind(), await bind()];
      near.socket.send(new Uint8Array(65_508), at(far));
      await near.until(() => near.failures.length > 0);
      expect(near.failures[0]?.code).toBe('NETWORK');
      near.socket.send(Buffer.from('short'), at(far));
      await far.until(() => far.received.length === 1);
      expect(far.received[0]?.text).toBe('short');
    });

    test('to nobody are lost without a word at a socket that hears from all', async () => {
      const [near, gone, far] = [await bind(), await bind(), await bind()];
      await gone.socket.close();
      near.socket.send(Buffer.from('lost'), at(gone));
      near.socket.send(Buffer.from('lost'), { ip: world.host, port: 0 });
      near.socket.send(Buffer.from('found'), at(far));
      await far.until(() => far.received.length === 1);
      expect(near.failures).toEqual([]);
    });

    test('cannot be received where another does: NETWORK, with the address', async () => {
      const { port } = (await bind()).socket.local;
      await expect(bind(port)).rejects.toMatchObject({
        code: 'NETWORK',
        message: expect.stringContaining(`UDP ${world.host}:${port}`),
      });
      await expect(bind(0, '192.0.2.1')).rejects.toMatchObject({
        code: 'NETWORK',
        message: expect.stringContaining('192.0.2.1'),
      });
    });

    test('end with the close, after which the port is free and sending does nothing', async () => {
      const [near, far] = [await bind(), await bind()];
      const { port } = far.socket.local;
      await Promise.all([far.socket.close(), far.socket.close()]);
      far.socket.send(Buffer.from('late'), at(near));
      const next = await bind(port);
      near.socket.send(Buffer.from('hello'), at(next));
      await next.until(() => next.received.length === 1);
      expect([far.received, far.failures, near.received]).toEqual([[], [], []]);
    });
  });
}
