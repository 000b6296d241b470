/**
 * Loaded into a measured process with `node --import`, so that the product needs nothing for it. When the process ends, it writes its
 * peak memory, its processor time and the delay of its event loop as JSON into `$SHOAL_PROBE_FILE`.
 *
 * The event loop is watched from the first socket on: loading the program is not what a peer feels.
 */
import { subscribe } from 'node:diagnostics_channel';
import { readFileSync, writeFileSync } from 'node:fs';
import { Socket } from 'node:net';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { isMainThread } from 'node:worker_threads';

/** Milliseconds between two looks; a loop that is free shows this much, so it is taken off. */
const RESOLUTION_MS = 5;

export interface ProbeReading {
  readonly peakMemoryBytes: number;
  readonly processorMs: number;
  /** Delays beyond the probe's own timer. */
  readonly loopDelayP99Ms: number;
  readonly loopDelayMaxMs: number;
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
  subscribe('net.server.socket', () => void delay.enable());
  const connect = Socket.prototype.connect;
  Socket.prototype.connect = function (this: Socket, ...args: unknown[]) {
    delay.enable();
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
    };
    writeFileSync(file, JSON.stringify(reading));
  });
}
