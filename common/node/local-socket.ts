/**
 * Text streams between processes of one user on one machine: Unix sockets, and named pipes on Windows.
 *
 * Only the user can open one: its folder is theirs alone, so that nobody can be faster between its making and its permission bits. Whoever
 * dials looks at the owner first: what somebody else has put in its place is never talked to.
 */
import { chmod, lstat, mkdir, rm } from 'node:fs/promises';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { dirname } from 'node:path';
import { ShoalError, systemCode } from '../core/errors.js';

/** Bytes of a path that every system takes for a socket: macOS has 104 with the zero at its end, Linux 108. */
const PATH_MAX_BYTES = 103;

export interface LocalStream {
  /** Characters, about, that were written and not taken yet. */
  readonly queuedChars: number;
  write(text: string): void;
  /** Sends what is queued, then ends, whatever the other side does. */
  end(): void;
  /** Ends at once. */
  destroy(): void;
}

/** What the owner of a stream gives to it. No handler may throw. */
export interface LocalHandlers {
  text(text: string): void;
  /** Called once, last. */
  closed(): void;
}

export interface LocalListener {
  /** Stops accepting and removes the socket; streams that are open stay. Idempotent. */
  close(): Promise<void>;
}

const isWindows = process.platform === 'win32';

/**
 * Listens at `path`, in place of what a dead process left there. Throws `USAGE` where a living one listens, `DENIED` where the folder is not
 * this user's alone, `NETWORK` otherwise.
 */
export async function listenLocally(
  path: string,
  streamsMaxCount: number,
  accept: (stream: LocalStream) => LocalHandlers,
): Promise<LocalListener> {
  if (!isWindows) await makePrivateFolder(path);
  if (await isAnswered(path)) throw new ShoalError('USAGE', 'local', `Another process listens at ${path} already.`);
  if (!isWindows) await rm(path, { force: true });
  const server = createServer((socket) => attach(socket, accept(streamOf(socket))));
  server.maxConnections = streamsMaxCount;
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) =>
      reject(new ShoalError('NETWORK', 'environment', `Cannot listen at ${path}: ${error.message}.`, error)),
    );
    server.listen(path, () => resolve());
  });
  server.on('error', () => undefined);
  if (!isWindows) await chmod(path, 0o600);
  return new Listening(server);
}

/** Connects; `undefined` where nobody listens. Throws `DENIED` for what belongs to somebody else. */
export async function dialLocally(
  path: string,
  makeHandlers: (stream: LocalStream) => LocalHandlers,
): Promise<LocalStream | undefined> {
  if (!(await isOwnSocket(path))) return undefined;
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once('error', () => resolve(undefined));
    socket.once('connect', () => {
      const stream = streamOf(socket);
      attach(socket, makeHandlers(stream));
      resolve(stream);
    });
  });
}

/** Whether a socket of this user is at `path`. Throws `DENIED` for somebody else's, or in a folder that others may write to. */
async function isOwnSocket(path: string): Promise<boolean> {
  // A pipe has no owner that could be asked for; only who may open it.
  if (isWindows) return true;
  const [stats, folder] = await Promise.all([path, dirname(path)].map((one) => lstat(one).catch(() => undefined)));
  if (stats === undefined || folder === undefined || !stats.isSocket()) return false;
  const uid = process.getuid?.();
  if (stats.uid === uid && folder.uid === uid && folder.isDirectory() && (folder.mode & 0o022) === 0) return true;
  throw new ShoalError('DENIED', 'environment', `${path} does not belong to you alone, so nothing is asked there.`);
}

async function makePrivateFolder(path: string): Promise<void> {
  if (Buffer.byteLength(path) > PATH_MAX_BYTES) {
    const text = `${path} is too long for a socket (at most ${PATH_MAX_BYTES} bytes); set XDG_RUNTIME_DIR to a folder with a short path.`;
    throw new ShoalError('USAGE', 'local', text);
  }
  const folder = dirname(path);
  await mkdir(folder, { recursive: true, mode: 0o700 }).catch((error: unknown) => {
    const why = systemCode(error) === 'EACCES' ? 'not allowed' : (error as Error).message;
    throw new ShoalError('DENIED', 'environment', `Cannot make the folder ${folder}: ${why}.`, error);
  });
  const stats = await lstat(folder);
  if (!stats.isDirectory() || stats.uid !== process.getuid?.())
    throw new ShoalError('DENIED', 'environment', `The folder ${folder} does not belong to you, so no socket is made in it.`);
  await chmod(folder, 0o700);
}

function isAnswered(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    const answer = (isThere: boolean) => () => {
      socket.destroy();
      resolve(isThere);
    };
    socket.once('connect', answer(true));
    socket.once('error', answer(false));
  });
}

function streamOf(socket: Socket): LocalStream {
  socket.setEncoding('utf8');
  return {
    get queuedChars() {
      return socket.writableLength;
    },
    write: (text) => void (socket.writable && socket.write(text)),
    // One that is not read any more, or never ended from the other side, must not hold the process.
    end: () => socket.destroySoon(),
    destroy: () => void socket.destroy(),
  };
}

function attach(socket: Socket, handlers: LocalHandlers): void {
  socket.on('data', (text: string) => handlers.text(text));
  // That it broke is told by its end.
  socket.on('error', () => undefined);
  socket.on('close', () => handlers.closed());
}

class Listening implements LocalListener {
  readonly #server: Server;
  #closing: Promise<void> | undefined;

  constructor(server: Server) {
    this.#server = server;
  }

  close(): Promise<void> {
    // `close` waits for open streams, which their owners end; the socket itself is gone at once.
    this.#closing ??= new Promise((resolve) => {
      this.#server.close();
      resolve();
    });
    return this.#closing;
  }
}
