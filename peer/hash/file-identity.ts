/** What tells one state of a file from another without reading it: where it is on disk, its size, and when it was last written. */
import type { BigIntStats } from 'node:fs';

export interface FileIdentity {
  readonly dev: bigint;
  readonly ino: bigint;
  readonly sizeBytes: number;
  readonly mtimeNs: bigint;
}

export function identityOf(stats: BigIntStats): FileIdentity {
  return { dev: stats.dev, ino: stats.ino, sizeBytes: Number(stats.size), mtimeNs: stats.mtimeNs };
}

export function sameIdentity(left: FileIdentity, right: FileIdentity): boolean {
  return left.ino === right.ino && left.mtimeNs === right.mtimeNs && left.sizeBytes === right.sizeBytes && left.dev === right.dev;
}
