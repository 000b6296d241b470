/**
 * The built commands as processes, for end-to-end tests: start, wait for what they print, stop, and look at the exit code.
 *
 * Every process gets folders of its own for configuration, caches and state, so that nothing of the user's is read or written, and a peer
 * that the user runs does none of the work.
 * Invariant: whatever was started is ended by `close`, by its process id.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { commandFile } from './repo-root.js';

export interface StartOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Gives up root's rights, where the test has them, before the command begins: root may write and read everything. */
  readonly isUnprivileged?: boolean;
  /** Files and sockets that the process may have open. */
  readonly openFilesMaxCount?: number;
}

export interface Ending {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export class SpawnedCommand {
  readonly ended: Promise<Ending>;
  stdout = '';
  stderr = '';
  readonly #child: ChildProcess;
  readonly #watchers = new Set<() => void>();
  #isOver = false;

  constructor(child: ChildProcess) {
    this.#child = child;
    child.stdout?.setEncoding('utf8').on('data', (text: string) => this.#note(() => (this.stdout += text)));
    child.stderr?.setEncoding('utf8').on('data', (text: string) => this.#note(() => (this.stderr += text)));
    this.ended = new Promise((resolve, reject) => {
      child.on('error', reject);
      child.on('close', (code, signal) => {
        this.#note(() => (this.#isOver = true));
        resolve({ code, signal, stdout: this.stdout, stderr: this.stderr });
      });
    });
  }

  /** Waits until standard output (or both, with `inBoth`) matches. Throws with everything printed if the process ends before. */
  waitFor(pattern: RegExp, inBoth = false): Promise<RegExpExecArray> {
    return new Promise((resolve, reject) => {
      const look = () => {
        const found = pattern.exec(inBoth ? `${this.stdout}\n${this.stderr}` : this.stdout);
        if (found === null && !this.#isOver) return;
        this.#watchers.delete(look);
        if (found !== null) resolve(found);
        else reject(new Error(`It ended without printing ${pattern}.\n--- stdout\n${this.stdout}\n--- stderr\n${this.stderr}`));
      };
      this.#watchers.add(look);
      look();
    });
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  #note(change: () => void): void {
    change();
    for (const look of [...this.#watchers]) look();
  }
}

/** A temporary folder and the processes started in it. */
export class Workshop {
  readonly folder: string;
  readonly #commands: SpawnedCommand[] = [];

  private constructor(folder: string) {
    this.folder = folder;
  }

  static async open(): Promise<Workshop> {
    return new Workshop(await mkdtemp(join(tmpdir(), 'shoal-e2e-')));
  }

  path(...parts: string[]): string {
    return join(this.folder, ...parts);
  }

  start(program: 'peer' | 'tracker', args: readonly string[], options: StartOptions = {}): SpawnedCommand {
    const command = [process.execPath, commandFile(program), ...args];
    const { isUnprivileged, openFilesMaxCount } = options;
    if (isUnprivileged === true) command.unshift(...withoutRights());
    if (openFilesMaxCount !== undefined) command.unshift('sh', '-c', `ulimit -n ${openFilesMaxCount}; exec "$@"`, 'sh');
    const child = spawn(command[0] ?? '', command.slice(1), {
      cwd: options.cwd ?? this.folder,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        PATH: process.env['PATH'] ?? '',
        HOME: this.folder,
        XDG_CONFIG_HOME: this.path('config'),
        XDG_CACHE_HOME: this.path('cache'),
        XDG_STATE_HOME: this.path('state'),
        XDG_RUNTIME_DIR: this.path('runtime'),
        ...options.env,
      },
    });
    const spawned = new SpawnedCommand(child);
    this.#commands.push(spawned);
    return spawned;
  }

  /** Starts a command and waits for its end. */
  run(program: 'peer' | 'tracker', args: readonly string[], options: StartOptions = {}): Promise<Ending> {
    return this.start(program, args, options).ended;
  }

  /** Starts a tracker on a free port, or on `port`; resolves with the process and its address. */
  async tracker(port = 0, ...args: string[]): Promise<{ process: SpawnedCommand; address: string; port: number }> {
    const process = this.start('tracker', ['--host', '127.0.0.1', '--port', String(port), '--log-level', 'warn', ...args]);
    const found = await process.waitFor(/^tracker listening on (127\.0\.0\.1:(\d+))$/m);
    return { process, address: found[1] ?? '', port: Number(found[2]) };
  }

  /** Starts `peer share` and waits until its first content is registered. */
  async share(paths: readonly string[], tracker: string, ...args: string[]): Promise<SharedOne> {
    const process = this.start('peer', ['share', ...paths, '--tracker', tracker, ...args]);
    const found = await process.waitFor(/^sharing (\S+) (\d+) ([0-9a-f]{64}) at (\S+)\n(magnet:\S+)$/m);
    const [, token = '', size = '', root = '', address = '', link = ''] = found;
    return { process, token, sizeBytes: Number(size), root, address, link };
  }

  /** Ends everything that was started and removes the folder. */
  async close(): Promise<void> {
    for (const command of this.#commands) command.kill('SIGKILL');
    await Promise.all(this.#commands.map((command) => command.ended.catch(() => undefined)));
    await rm(this.folder, { recursive: true, force: true });
  }
}

/**
 * What comes before a command line so that it has no more rights than its user: root without capabilities is bound by permission bits
 * like anybody, and can still read the program, wherever only root can. Nothing where the test is not root.
 */
function withoutRights(): string[] {
  return process.getuid?.() === 0 ? ['setpriv', '--bounding-set=-all', '--inh-caps=-all'] : [];
}

/** Whether a file holds exactly these bytes. A matcher that could show the difference would take seconds for a megabyte. */
export async function isFile(path: string, bytes: Buffer | undefined): Promise<boolean> {
  return bytes?.equals(await readFile(path)) === true;
}

export interface SharedOne {
  readonly process: SpawnedCommand;
  /** The name as one token. */
  readonly token: string;
  readonly sizeBytes: number;
  readonly root: string;
  readonly address: string;
  readonly link: string;
}
