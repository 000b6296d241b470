/** `peer verify --all`: what the running node shares, read again by that node; what is damaged is told, and mended where that is asked for. */
import { ShoalError } from '../../common/core/errors.js';
import { wordsOf } from '../scrub/idle-scrub.js';
import type { ScrubReport } from '../scrub/scrubber.js';
import type { Json } from '../serve/control-protocol.js';
import { damageText, mendedText, reportOf, type ToldChunk } from '../serve/node-scrubs.js';
import { createProgress, type Progress } from './progress.js';
import { needNode } from './running-node.js';
import { listenForStop } from './stop-signal.js';

export interface VerifyAllOptions {
  readonly isRepair: boolean;
  /** `undefined`: as fast as the disk gives it. */
  readonly bytesPerSecond: number | undefined;
  readonly isJson: boolean;
  readonly isQuiet: boolean;
}

/** Resolves with 0 where all is as it was shared, or was mended. Throws `VERIFY_FAILED` where it is not, `NOT_FOUND` where no node runs. */
export async function verifyAll({ isRepair, bytesPerSecond, isJson, isQuiet }: VerifyAllOptions): Promise<number> {
  const client = await needNode();
  const progress = await createProgress({ isQuiet, isJson });
  const report = new VerifyReport(progress, { isJson, isRepair });
  const stop = listenForStop('The running peer checks no further.');
  try {
    const request = { request: 'scrub', isRepair, bytesPerSecond: bytesPerSecond ?? null } as const;
    const asked = client.ask(request, { onEvent: (event) => report.take(event), signal: stop.signal });
    return report.end(reportOf(await asked));
  } finally {
    stop.close();
    progress.stop();
    client.close();
  }
}

class VerifyReport {
  readonly #progress: Progress;
  readonly #isJson: boolean;
  readonly #isRepair: boolean;
  #totalBytes = 0;

  constructor(progress: Progress, { isJson, isRepair }: Pick<VerifyAllOptions, 'isJson' | 'isRepair'>) {
    [this.#progress, this.#isJson, this.#isRepair] = [progress, isJson, isRepair];
  }

  /** An event of the node. */
  take({ scrub: kind, ...event }: Json): void {
    if (kind === 'begun') {
      this.#totalBytes = Number(event['bytes']);
      this.#progress.phase('verify', this.#totalBytes);
      this.#event({ event: 'scanned', ...event });
    } else if (kind === 'progress') {
      this.#progress.update(Number(event['doneBytes']));
      this.#event({ event: 'progress', phase: 'verify', ...event, totalBytes: this.#totalBytes });
    } else {
      this.#event({ event: kind, ...event });
      const text = sentenceOf(kind, event);
      if (!this.#isJson && text !== undefined) this.#progress.result(`${text}\n`);
    }
  }

  /** Throws `VERIFY_FAILED`. */
  end(report: ScrubReport): number {
    const { damagedCount, mendedCount, failedCount } = report;
    const isRight = damagedCount === mendedCount && failedCount === 0;
    this.#progress.stop();
    this.#event({ event: 'verified', ...jsonOf(report), ok: isRight });
    if (!this.#isJson) this.#progress.result(`${wordsOf(report)}\n`);
    if (isRight) return 0;
    const isLeft = damagedCount > mendedCount;
    const advice = isLeft && !this.#isRepair ? ' "peer verify --all --repair" fetches what is damaged from other peers.' : '';
    const fate = isLeft ? ' What is damaged is not served.' : '';
    throw new ShoalError('VERIFY_FAILED', 'environment', `Not all that is shared is as it was.${fate}${advice}`);
  }

  #event(event: Json): void {
    if (this.#isJson) this.#progress.result(`${JSON.stringify(event)}\n`);
  }
}

/** What was found, for people; `undefined` for what is not known here. */
function sentenceOf(kind: unknown, event: Json): string | undefined {
  const chunk = event as unknown as ToldChunk;
  const path = `"${String(event['path'])}"`;
  switch (kind) {
    case 'damaged':
      return damageText(chunk, String(event['reason']));
    case 'mended':
      return mendedText(chunk);
    case 'not-mended':
      return `${path} stays damaged: ${String(event['message'])}`;
    case 'changed':
      return `${path} was edited or is gone; it is shared anew when it is left alone.`;
    case 'failed':
      return `${path} could not be checked: ${String(event['message'])}.`;
    default:
      return undefined;
  }
}

function jsonOf({ fileCount, readBytes, damagedCount, mendedCount, changedCount, failedCount }: ScrubReport): Json {
  return {
    files: fileCount,
    bytes: readBytes,
    damaged: damagedCount,
    mended: mendedCount,
    changed: changedCount,
    failed: failedCount,
  };
}
