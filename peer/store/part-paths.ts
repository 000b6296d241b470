/**
 * The names of what lies beside a target while it is fetched. All begin with a dot and end in `.shoal-…`, so that sharing a folder
 * passes over them; the start of the root keeps two contents for one target apart.
 */
import { createHash } from 'node:crypto';
import { basename, dirname, join } from 'node:path';
import { NAME_PART_MAX_BYTES } from '../../common/core/limits.js';

export interface PartPaths {
  readonly target: string;
  /** Folder of the target. */
  readonly folder: string;
  /** The unfinished file, or the folder of unfinished files. */
  readonly part: string;
  readonly journal: string;
  readonly lock: string;
  /** The index of a folder, while its files are fetched. */
  readonly index: string;
}

const LONGEST_SUFFIX = '.shoal-journal';
const KEY_CHARS = 12;

/** `key` is the root, or what else tells the content from others of its name. */
export function partPaths(target: string, key: string): PartPaths {
  const folder = dirname(target);
  const base = basename(target);
  const shortKey = key.slice(0, KEY_CHARS);
  const spareBytes = NAME_PART_MAX_BYTES - LONGEST_SUFFIX.length - KEY_CHARS - 2;
  // A name that leaves no room for the suffix stands for itself by its hash.
  const stem = Buffer.byteLength(base) <= spareBytes ? base : createHash('sha256').update(base).digest('hex').slice(0, 32);
  const beside = (suffix: string) => join(folder, `.${stem}.${shortKey}${suffix}`);
  return {
    target,
    folder,
    part: beside('.shoal-part'),
    journal: beside('.shoal-journal'),
    lock: beside('.shoal-lock'),
    index: beside('.shoal-index'),
  };
}
