/** Processes that a benchmark starts, reads and stops; the built commands among them, with what the probe saw of them. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { ProbeReading } from './process-probe.js';

const COMMANDS = fileURLToPath(new URL('../bin', import.meta.url));
const PROBE = new URL('./process-probe.js', import.meta.url).href;
/** Milliseconds in which a process has to say that it is ready, and to end when it is asked to. */
const READY_MS = 120_000;
const STOP_MS = 10_000;

/** Processes that run: none outlives the benchmark. */
const running = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});
// A signal ends Node without `exit` events unless somebody listens, and the children would stay.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));

let probeNumber = 0;

/** A program that runs beside the benchmark and never outlives it. */
export class LocalProcess {
  readonly #child: ChildProcess;
  readonly #name: string;
  readonly #lines: string[] = [];
  readonly #ended: Promise<number>;
  #errors = '';
  #onLine: () => void = () => undefined;

  /** Starts `file`, looked up in the path of `env`; `name` stands in messages. */
  constructor(name: string, file: string, args: readonly string[], env: NodeJS.ProcessEnv) {
    this.#name = name;
    this.#child = spawn(file, args, { stdio: ['ignore', 'pipe', 'pipe'], env });
    running.add(this.#child);
    if (this.#child.stdout !== null) {
      createInterface(this.#child.stdout).on('line', (line) => {
        this.#lines.push(line);
        this.#onLine();
      });
    }
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#errors = (this.#errors + text).slice(-2000);
    });
    this.#child.once('error', (error) => {
      this.#errors = error.message;
    });
    this.#ended = new Promise((resolve) => {
      this.#child.once('close', (code) => {
        running.delete(this.#child);
        resolve(code ?? -1);
        this.#onLine();
      });
    });
  }

  /** Its process id; `undefined` if it could not be started. */
  get processId(): number | undefined {
    return this.#child.pid;
  }

  /** The first line of its standard output that begins with `start`. Throws when it ends before, or takes longer than `limitMs`. */
  line(start: string, limitMs = READY_MS): Promise<string> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(this.#failure(`did not print "${start}" in time`)), limitMs);
      this.#onLine = () => {
        const found = this.#lines.find((line) => line.startsWith(start));
        if (found === undefined && running.has(this.#child)) return;
        clearTimeout(timer);
        if (found === undefined) reject(this.#failure('ended early'));
        else resolve(found);
      };
      this.#onLine();
    });
  }

  /** Waits for its end, at most `limitMs`; returns what it printed. Throws unless its exit code is 0. */
  async end(limitMs: number): Promise<readonly string[]> {
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), limitMs);
    const code = await this.#ended;
    clearTimeout(timer);
    if (code !== 0) throw this.#failure(`ended with exit code ${code}`);
    return this.#lines;
  }

  /** Asks it to end, and makes it end if it does not. */
  async stop(): Promise<void> {
    this.#child.kill('SIGTERM');
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), STOP_MS);
    await this.#ended;
    clearTimeout(timer);
  }

  #failure(what: string): Error {
    return new Error(`${this.#name} ${what}. ${this.#errors.trim()}`);
  }
}

/** Stops several at the same time. */
export async function stopAll(processes: readonly LocalProcess[]): Promise<void> {
  await Promise.all(processes.map((one) => one.stop()));
}

/** Ports of loopback that were free a moment ago, for programs that cannot say which one they took. */
export async function freePorts(count: number): Promise<readonly number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'));
  await Promise.all(servers.map((server) => once(server, 'listening')));
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  for (const server of servers) server.close();
  await Promise.all(servers.map((server) => once(server, 'close')));
  return ports;
}

/** `tracker` or `peer` as built, with its caches and state below `folder`. */
export class CommandProcess extends LocalProcess {
  readonly #probeFile: string;

  /**
   * The probe costs a little; where its readings are not wanted and the time counts, `isProbed` is false. `before` is what a shell does before it
   * becomes the command: `exec 2>FILE`, or what puts it into a group of processes.
   */
  constructor(program: 'tracker' | 'peer', args: readonly string[], folder: string, isProbed = true, before = '') {
    probeNumber += 1;
    const probeFile = join(folder, `probe-${probeNumber}.json`);
    const own = Object.entries(process.env).filter(([key]) => !key.startsWith('SHOAL_'));
    const probe = isProbed ? ['--import', PROBE] : [];
    const command = [process.execPath, ...probe, join(COMMANDS, `${program}.js`), ...args];
    const [file = '', ...rest] = before === '' ? command : ['sh', '-c', `${before}\nexec "$@"`, 'sh', ...command];
    super(`${program} ${args[0] ?? ''}`.trim(), file, rest, {
      ...Object.fromEntries(own),
      HOME: folder,
      XDG_CACHE_HOME: join(folder, 'cache'),
      XDG_CONFIG_HOME: join(folder, 'config'),
      SHOAL_STATE_DIR: join(folder, 'state'),
      SHOAL_PROBE_FILE: probeFile,
    });
    this.#probeFile = probeFile;
  }

  /** What the probe saw; `undefined` for a process that was killed. */
  reading(): ProbeReading | undefined {
    try {
      return JSON.parse(readFileSync(this.#probeFile, 'utf8')) as ProbeReading;
    } catch {
      return undefined;
    }
  }
}

/** Starts a tracker on a free port, with more flags where they are given; returns it and its address. */
export async function startTracker(
  folder: string,
  isProbed = true,
  flags: readonly string[] = [],
): Promise<{ tracker: CommandProcess; address: string }> {
  const args = ['--host', '127.0.0.1', '--port', '0', '--log-level', 'warn', ...flags];
  const tracker = new CommandProcess('tracker', args, folder, isProbed);
  const line = await tracker.line('tracker listening on ');
  return { tracker, address: line.split(' ').at(-1) ?? '' };
}

/** Starts a peer that shares `path`; resolves when it has registered the file. */
export async function startSharer(
  folder: string,
  path: string,
  trackerAddress: string,
  isProbed = true,
): Promise<CommandProcess> {
  const sharer = new CommandProcess(
    'peer',
    ['share', path, '--tracker', trackerAddress, '--host', '127.0.0.1'],
    folder,
    isProbed,
  );
  await sharer.line('sharing ');
  return sharer;
}
