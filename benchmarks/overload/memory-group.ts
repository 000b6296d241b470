/**
 * A group of processes that the kernel lets have so much memory and no more (a control group), where this machine lets us make one; and
 * what a process holds, by kind.
 */
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const SECOND_VERSION = '/sys/fs/cgroup';
const FIRST_VERSION = '/sys/fs/cgroup/memory';
/** Milliseconds between two looks at a process, and at a group that is to be empty. */
const LOOK_MS = 100;
const EMPTY_TRIES_COUNT = 50;

export class MemoryGroup {
  readonly #folder: string;
  /** 1 or 2. */
  readonly version: number;

  /** `undefined` where none can be made. */
  static open(limitBytes: number): MemoryGroup | undefined {
    const isSecond = existsSync(join(SECOND_VERSION, 'cgroup.subtree_control'));
    const folder = join(isSecond ? SECOND_VERSION : FIRST_VERSION, `shoal-bench-${process.pid}`);
    try {
      mkdirSync(folder);
    } catch {
      return undefined;
    }
    const group = new MemoryGroup(folder, isSecond ? 2 : 1);
    try {
      writeFileSync(join(folder, isSecond ? 'memory.max' : 'memory.limit_in_bytes'), String(limitBytes));
      return group;
    } catch {
      rmdirSync(folder);
      return undefined;
    }
  }

  private constructor(folder: string, version: number) {
    this.#folder = folder;
    this.version = version;
  }

  /** What a shell does to be in the group, with all that it becomes and starts. */
  get enter(): string {
    return `echo $$ > ${join(this.#folder, 'cgroup.procs')}`;
  }

  /** Processes that were ended because there was no memory left to free. */
  get killedCount(): number {
    const text = readFileSync(join(this.#folder, this.version === 2 ? 'memory.events' : 'memory.oom_control'), 'utf8');
    return Number(/^oom_kill (\d+)$/m.exec(text)?.[1] ?? Number.NaN);
  }

  /** The most that it had, with what the kernel keeps of files for it, which is given back when memory is short; NaN where not told. */
  get peakBytes(): number {
    const file = join(this.#folder, this.version === 2 ? 'memory.peak' : 'memory.max_usage_in_bytes');
    return existsSync(file) ? Number(readFileSync(file, 'utf8')) : Number.NaN;
  }

  /** To be called when its processes have ended. */
  async close(): Promise<void> {
    for (let tries = 0; tries < EMPTY_TRIES_COUNT; tries += 1) {
      try {
        return rmdirSync(this.#folder);
      } catch {
        await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
      }
    }
  }
}

/** Looks again and again at what a process holds that belongs to it alone (RssAnon and RssShmem), until it is closed. */
export class MemoryWatch {
  readonly #timer: NodeJS.Timeout;
  #mostBytes = 0;

  constructor(processId: number | undefined) {
    this.#timer = setInterval(() => {
      this.#mostBytes = Math.max(this.#mostBytes, ownBytes(processId));
    }, LOOK_MS);
  }

  get mostBytes(): number {
    return this.#mostBytes;
  }

  close(): void {
    clearInterval(this.#timer);
  }
}

function ownBytes(processId: number | undefined): number {
  try {
    const status = readFileSync(`/proc/${processId}/status`, 'utf8');
    return [...status.matchAll(/^Rss(?:Anon|Shmem):\s*(\d+) kB$/gm)].reduce((sum, [, kib]) => sum + 1024 * Number(kib), 0);
  } catch {
    return 0;
  }
}
