/** `peer push` by way of a running node: the same words as if the command did it itself. */
import { resolve } from 'node:path';
import { realClock } from '../../common/node/clock.js';
import type { ReceiverEnd } from '../push/push-all.js';
import type { ControlClient } from '../serve/control-client.js';
import { endsOf, PushNewsReader } from '../serve/node-pushes.js';
import { tellShareNews } from '../serve/share-news.js';
import { createProgressLines, type Progress } from './progress.js';
import { JsonPushDisplay, PersonPushDisplay, type PushDisplay } from './push-display.js';
import { ShareReport } from './share-report.js';
import type { StopSignal } from './stop-signal.js';

export interface PushThroughOptions {
  readonly path: string;
  /** As `--to` takes it. */
  readonly to: readonly string[];
  readonly group: string | undefined;
  readonly timeoutMs: number;
  readonly isJson: boolean;
  readonly isQuiet: boolean;
}

/** Resolves with an end for each receiver. Throws as `PeerNode.push`. */
export async function pushThrough(
  client: ControlClient,
  options: PushThroughOptions,
  progress: Progress,
  stop: StopSignal,
): Promise<ReceiverEnd[]> {
  const { path, to, group, timeoutMs, ...outlet } = options;
  const print = (text: string) => progress.result(text);
  const report = new ShareReport({ ...outlet, trackers: [], progress, print, nowMs: () => realClock.nowMs() });
  const lines = outlet.isJson ? undefined : await createProgressLines(outlet);
  let display: PushDisplay | undefined;
  const reader = new PushNewsReader((content) => {
    progress.stop();
    display = lines === undefined ? new JsonPushDisplay(content, print) : new PersonPushDisplay(content, lines, print);
    return display;
  });
  const onEvent = (event: Readonly<Record<string, unknown>>) => {
    reader.take(event);
    tellShareNews(event, report);
  };
  try {
    const request = { request: 'push', path: resolve(path), to, group: group ?? null, timeoutMs } as const;
    const ends = endsOf(await client.ask(request, { onEvent, signal: stop.signal }));
    display?.result(ends);
    return ends;
  } finally {
    progress.stop();
    display?.close();
    client.close();
  }
}
