/** The front desk of a node: says how its server is, and gives offers to whoever takes them. */
import { ShoalError } from '../../common/core/errors.js';
import { packageVersion } from '../../common/node/version.js';
import type { PeerStatus } from '../../common/wire/peer-documents.js';
import type { FrontDesk } from './front-desk.js';
import { loadPercent } from './load-percent.js';
import type { UploadLoad } from './upload-queue.js';

export interface NodeDeskPorts {
  readonly load: () => UploadLoad;
  /** Names that are served. */
  readonly fileCount: () => number;
  /** What this peer may send in bytes a second; `undefined` where that is not limited. */
  readonly upBytesPerSecond: number | undefined;
  /** Whoever takes offers, and how many bytes they may still have; left out, nobody does. */
  readonly receiver?: Pick<FrontDesk, 'push'> & { readonly acceptBytes: () => number };
  readonly group?: string;
}

export function createNodeDesk({ load, fileCount, upBytesPerSecond, receiver, group }: NodeDeskPorts): FrontDesk {
  const version = packageVersion();
  const status = (): PeerStatus => {
    const now = load();
    return {
      ...now,
      load: loadPercent(now, upBytesPerSecond),
      usedSlotCount: Math.ceil(now.usedSlotCount),
      fileCount: fileCount(),
      ...(receiver === undefined ? {} : { acceptBytes: receiver.acceptBytes() }),
      ...(group === undefined ? {} : { group }),
      version,
    };
  };
  const refuse = () => Promise.reject(new ShoalError('DENIED', 'environment', 'This peer takes nothing that is pushed.'));
  return { status, push: receiver === undefined ? refuse : (offer, from) => receiver.push(offer, from) };
}
