/** `peer share` and `peer fetch` by way of a running node: the same words as if the command did it itself. */
import { resolve } from 'node:path';
import { ShoalError } from '../../common/core/errors.js';
import { formatHostPort, type HostPort, parseHostPort } from '../../common/core/peer-address.js';
import { realClock } from '../../common/node/clock.js';
import type { FetchEvent, FetchResult } from '../fetch/fetch-events.js';
import type { FetchOptions } from '../fetch/fetch-session.js';
import type { ControlClient } from '../serve/control-client.js';
import { tellShareNews } from '../serve/share-news.js';
import { TRACKER_PORT } from './common-flags.js';
import type { FetchDisplay } from './fetch-display.js';
import { createProgress } from './progress.js';
import { ShareReport } from './share-report.js';
import { noteLoopback } from './share-run.js';
import type { StopSignal } from './stop-signal.js';

export interface ShareThroughOptions {
  readonly paths: readonly string[];
  /** For good; otherwise until `stop` comes. */
  readonly isStaying: boolean;
  readonly isJson: boolean;
  readonly isQuiet: boolean;
}

/** Resolves with the exit code, after everything was taken back or, for good, is shared. Throws what stands against a path. */
export async function shareThrough(client: ControlClient, options: ShareThroughOptions, stop: StopSignal): Promise<number> {
  const { paths, isStaying, isJson, isQuiet } = options;
  const trackers = client.hello.settings.trackers.map((tracker) => parseHostPort(tracker, TRACKER_PORT));
  const progress = await createProgress({ isQuiet, isJson });
  // Whoever reads our output may leave; that ends no sharing.
  process.stdout.on('error', () => undefined);
  const print = (text: string) => progress.result(text);
  const report = new ShareReport({ isJson, isQuiet, trackers, progress, print, nowMs: () => realClock.nowMs() });
  if (!isQuiet) noteLoopback(trackers, report.note);
  try {
    const request = { request: 'share', paths: paths.map((path) => resolve(path)), isKept: isStaying } as const;
    await client.ask(request, { onEvent: (event) => tellShareNews(event, report), signal: stop.signal });
    if (isStaying || stop.signal.aborted) return 0;
    throw new ShoalError('STOPPED', 'local', 'The running peer has stopped. Nothing is shared any more.');
  } finally {
    report.hashedAll();
    progress.stop();
    client.close();
  }
}

/** The options of a fetch that a node can be asked for. */
export type FetchThroughOptions = Pick<FetchOptions, 'out' | 'directory' | 'isOverwrite' | 'isFresh' | 'patienceMs'> & {
  /** As the person typed it. */
  readonly what: string;
  /** Besides those of a link. */
  readonly trackers: readonly HostPort[];
  /** Whether the node goes on sharing it. */
  readonly isKept: boolean;
};

/** Resolves with the result; `undefined` where the node has it itself, so that the command has to fetch it from there. Throws as `fetchContent`. */
export async function fetchThrough(
  client: ControlClient,
  options: FetchThroughOptions,
  display: FetchDisplay,
  stop: StopSignal,
): Promise<FetchResult | undefined> {
  const { what, trackers, out, directory, isOverwrite, isFresh, patienceMs, isKept } = options;
  const request = {
    request: 'fetch',
    what,
    trackers: trackers.map(formatHostPort),
    out: out === undefined ? null : absolute(out),
    directory: resolve(directory ?? '.'),
    ...{ isOverwrite, isFresh, patienceMs, isKept },
  } as const;
  try {
    const asked = client.ask(request, { onEvent: (event) => display.event(event as FetchEvent), signal: stop.signal });
    const { result, isHeld } = await asked;
    if (isHeld === true) return undefined;
    return result as FetchResult;
  } finally {
    client.close();
  }
}

/** As it is from the folder of the command, and still a folder where it was written as one. */
function absolute(out: string): string {
  const path = resolve(out);
  return out.endsWith('/') && path !== '/' ? `${path}/` : path;
}
