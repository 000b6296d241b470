/** The real load: counters that Node and the system keep anyway, read at the beginning and at the end, and one slow timer. */
import { availableParallelism, cpus } from 'node:os';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { LoadPort } from '../ports/load.js';

/** Milliseconds between two looks at the loop: each costs some 40 µs where it wakes the process, and what a person would feel is longer. */
const LOOK_MS = 50;

/** Milliseconds that the cores were busy since the machine started; waiting for a disk is not busy. */
function coresBusyMs(): number {
  let busyMs = 0;
  for (const { times } of cpus()) busyMs += times.user + times.nice + times.sys + times.irq;
  return busyMs;
}

export const realLoad: LoadPort = {
  watch() {
    const delay = monitorEventLoopDelay({ resolution: LOOK_MS });
    delay.enable();
    const loop = performance.eventLoopUtilization();
    const own = process.cpuUsage();
    const coresMs = coresBusyMs();
    // A loop that is free shows the time between two looks, so it is taken off.
    const beyond = (ns: number) => (delay.count === 0 ? 0 : Math.max(0, ns / 1e6 - LOOK_MS));
    return {
      read() {
        const { user, system } = process.cpuUsage(own);
        return {
          loopBusyMs: performance.eventLoopUtilization(loop).active,
          loopDelayP99Ms: beyond(delay.percentile(99)),
          loopDelayMaxMs: beyond(delay.max),
          coreCount: availableParallelism(),
          coresBusyMs: Math.max(coresBusyMs() - coresMs, (user + system) / 1000),
          ownBusyMs: (user + system) / 1000,
        };
      },
      close: () => void delay.disable(),
    };
  },
};
