/**
 * Loaded into a measured process with `node --import`, so that the product needs nothing for it. When the process ends, it writes its
 * peak memory, its processor time and the delay of its event loop as JSON into `$SHOAL_PROBE_FILE`.
 *
 * The event loop is watched from the first socket on: loading the program is not what a peer feels.
 */
import { subscribe } from 'node:diagnostics_channel';
import { readFileSync, writeFileSync } from 'node:fs';
import { Socket } from 'node:net';
import { createHistogram, monitorEventLoopDelay, type RecordableHistogram } from 'node:perf_hooks';
import { isMainThread } from 'node:worker_threads';

/** Milliseconds between two looks; a loop that is free shows this much, so it is taken off. */
const RESOLUTION_MS = 5;
/** The same for the looks at what the process's own work makes of that, each of which reads a file of the kernel. */
const TURN_MS = 10;

export interface ProbeReading {
  readonly peakMemoryBytes: number;
  readonly processorMs: number;
  /** Delays beyond the probe's own timer. */
  readonly loopDelayP99Ms: number;
  readonly loopDelayMaxMs: number;
  /** Of these, what was not waiting for a processor that others had: what the program itself is to blame for. NaN where it is not told. */
  readonly ownDelayP99Ms: number;
  readonly ownDelayMaxMs: number;
}

/** Milliseconds for which the main thread was ready to run and did not; NaN where the kernel does not tell. */
function waitedMs(): number {
  try {
    return Number(readFileSync('/proc/self/schedstat', 'utf8').split(' ')[1]) / 1e6;
  } catch {
    return Number.NaN;
  }
}

/** Delays of the loop without the time in which others had the processor, in microseconds. */
class OwnDelays {
  readonly #histogram: RecordableHistogram = createHistogram();
  #isBegun = false;

  begin(): void {
    if (this.#isBegun || Number.isNaN(waitedMs())) return;
    this.#isBegun = true;
    let [lastMs, lastWaitedMs] = [performance.now(), waitedMs()];
    const timer = setInterval(() => {
      const [nowMs, nowWaitedMs] = [performance.now(), waitedMs()];
      const delayMs = nowMs - lastMs - TURN_MS - (nowWaitedMs - lastWaitedMs);
      this.#histogram.record(Math.max(1, Math.round(1000 * delayMs)));
      [lastMs, lastWaitedMs] = [nowMs, nowWaitedMs];
    }, TURN_MS);
    timer.unref();
  }

  readMs(share: 'p99' | 'longest'): number {
    if (this.#histogram.count === 0) return Number.NaN;
    return (share === 'p99' ? this.#histogram.percentile(99) : this.#histogram.max) / 1000;
  }
}

/** What the kernel saw of this program; `maxRSS` on Linux counts the process that it was started from too. */
function peakMemoryBytes(): number | undefined {
  try {
    const found = /^VmHWM:\s*([0-9]+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'));
    return found === null ? undefined : Number(found[1]) * 1024;
  } catch {
    return undefined;
  }
}

const file = process.env['SHOAL_PROBE_FILE'];
if (isMainThread && file !== undefined) {
  const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  const own = new OwnDelays();
  const begin = () => {
    delay.enable();
    own.begin();
  };
  subscribe('net.server.socket', begin);
  const connect = Socket.prototype.connect;
  Socket.prototype.connect = function (this: Socket, ...args: unknown[]) {
    begin();
    return Reflect.apply(connect, this, args) as Socket;
  } as typeof connect;
  process.on('exit', () => {
    const { maxRSS, userCPUTime, systemCPUTime } = process.resourceUsage();
    const beyond = (ns: number) => Math.max(0, ns / 1e6 - RESOLUTION_MS);
    const reading: ProbeReading = {
      peakMemoryBytes: peakMemoryBytes() ?? maxRSS * 1024,
      processorMs: (userCPUTime + systemCPUTime) / 1000,
      loopDelayP99Ms: delay.count === 0 ? 0 : beyond(delay.percentile(99)),
      loopDelayMaxMs: delay.count === 0 ? 0 : beyond(delay.max),
      ownDelayP99Ms: own.readMs('p99'),
      ownDelayMaxMs: own.readMs('longest'),
    };
    writeFileSync(file, JSON.stringify(reading));
  });
}
