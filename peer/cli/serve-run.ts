/** Runs a node that stays: puts it together, says where it is, and takes everything back when the signal comes. */

import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { untilAborted } from '../../common/core/abortable.js';
import { ShoalError } from '../../common/core/errors.js';
import { formatHostPort, formatPeerAddress } from '../../common/core/peer-address.js';
import { epochNowMs, realClock } from '../../common/node/clock.js';
import { realLoad } from '../../common/node/load.js';
import { packageVersion } from '../../common/node/version.js';
import type { PeerNode } from '../node.js';
import type { PushFlagOptions } from '../push/push-flags.js';
import { DamageLedger } from '../scrub/damage-ledger.js';
import type { IdleScrubOptions } from '../scrub/idle-scrub.js';
import { ControlServer } from '../serve/control-server.js';
import { NewsBoard } from '../serve/news-board.js';
import { controlPathOf, stateFolderOf } from '../serve/serve-paths.js';
import { ServingNode } from '../serve/serving-node.js';
import { StateFile } from '../serve/state-file.js';
import { checkPaths } from '../share/scan.js';
import { realStorage } from '../storage-ports.js';
import { diskError } from '../store/disk-error.js';
import { TargetLock } from '../store/target-lock.js';
import { createProgress } from './progress.js';
import { limitsText } from './running-node.js';
import { ShareReport } from './share-report.js';
import { noteLoopback, type ShareRunOptions, startNode } from './share-run.js';
import type { StopSignal } from './stop-signal.js';

export interface ServeRunOptions extends ShareRunOptions {
  readonly push: PushFlagOptions;
  /** How it looks for damage by itself; `undefined` where it does not. */
  readonly scrub: IdleScrubOptions | undefined;
}

/** Resolves with the exit code after `stop` came and everything was taken back. Throws `USAGE` where a node of this state runs. */
export async function runServing(options: ServeRunOptions, stop: StopSignal, onStop: () => void): Promise<number> {
  const folder = stateFolderOf(process.env);
  const lock = await takeLock(folder);
  try {
    return await serveLocked(options, folder, stop, onStop);
  } finally {
    await lock.release();
  }
}

/** Throws `USAGE` where it is taken, and what stands against writing to the folder. */
async function takeLock(folder: string): Promise<TargetLock> {
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    return await TargetLock.take(realStorage, join(folder, 'peer.lock'), alreadyRunning);
  } catch (error) {
    throw diskError(error, folder);
  }
}

function alreadyRunning(pid: string): ShoalError {
  const text = `A peer serves here already (process ${pid}). "peer status" shows it, "peer stop" ends it; SHOAL_STATE_DIR has others beside it.`;
  return new ShoalError('USAGE', 'local', text);
}

async function serveLocked(options: ServeRunOptions, folder: string, stop: StopSignal, onStop: () => void): Promise<number> {
  const { isJson, isQuiet, trackers, announce, limits, isUdp, paths, host, port, hashName, isFolderOnly, push, scrub } = options;
  // Before it says that it is ready: whoever waits for that would take it to be so.
  await checkPaths(realStorage.disk, paths);
  const progress = await createProgress({ isQuiet, isJson });
  // Whoever reads our output may leave; that ends no sharing.
  process.stdout.on('error', () => undefined);
  const print = (text: string) => progress.result(text);
  const report = new ShareReport({ isJson, isQuiet, trackers, progress, print, nowMs: () => realClock.nowMs() });
  const board = new NewsBoard();
  board.read(report);
  const { file, state } = await StateFile.open(realStorage, folder, { nowMs: epochNowMs(), note: board.note });
  const damage = new DamageLedger(state.scrub.damage);
  const node = await startNode({
    host,
    port,
    announce,
    limits,
    isUdp,
    trackers,
    hashName,
    isFolderOnly,
    ...push,
    damage,
    events: board,
  });
  const settings = {
    trackers: trackers.map(formatHostPort),
    host,
    port,
    announce: announce ?? null,
    limits: limitsText(limits),
    hash: hashName,
    isFolderOnly,
    isUdp,
  };
  const identity = { version: packageVersion(), pid: process.pid, settings };
  const parts = { node, board, clock: realClock, epochNowMs, load: realLoad, file, state, damage, scrub };
  const serving = new ServingNode({ ...parts, ...identity, stop: onStop });
  const control = await listenOrClose(serving, node);
  try {
    sayReady(node, report, isJson, print);
    if (!isQuiet) noteLoopback(trackers, board.note);
    const beginning = serving.begin(paths).then(() => report.hashedAll());
    const stopped = untilAborted(stop.signal);
    await Promise.race([stopped, beginning.then(() => stopped)]);
  } finally {
    report.hashedAll();
    await control.stop();
    await node.close();
    await serving.close();
    control.close();
  }
  return 0;
}

async function listenOrClose(serving: ServingNode, node: PeerNode): Promise<ControlServer> {
  try {
    return await ControlServer.listen(controlPathOf(process.env), serving);
  } catch (error) {
    await node.close();
    throw error;
  }
}

function sayReady(node: PeerNode, report: ShareReport, isJson: boolean, print: (text: string) => void): void {
  const address = formatPeerAddress(node.local);
  const control = controlPathOf(process.env);
  if (isJson) report.serving(address, control, process.pid);
  else print(`peer serving at ${address}, control ${control}\n`);
}
