/** `peer verify`: whether a file on disk is what a link or a root names, and with `--all` whether what is shared is as it was. */
import { access, constants, stat } from 'node:fs/promises';
import type { CommandInput, CommandSpec } from '../../common/cli/command-spec.js';
import { ShoalError, systemCode } from '../../common/core/errors.js';
import { HASH_NAMES } from '../../common/core/hash.js';
import { CHUNK_BYTES } from '../../common/core/limits.js';
import { formatBytes } from '../../common/core/units.js';
import { parseFetchSource } from '../fetch/fetch-source.js';
import { hashWholeFile } from '../hash/file-root.js';
import { HashPool } from '../hash/hash-pool.js';
import { scrubRateOf } from '../scrub/scrub-flags.js';
import { JSON_FLAG, QUIET_FLAG } from './common-flags.js';
import { createProgress, type Progress, type ProgressOptions } from './progress.js';

export const verifyCommand: CommandSpec = {
  name: 'verify',
  summary: 'check a file on disk against a link or a root, or all that the running peer shares',
  args: [
    { name: 'file', help: 'the file to check', isPath: true, isOptional: true },
    { name: 'link|@root', help: 'a link, or a root with an @ before it', isOptional: true },
  ],
  flags: [
    {
      name: 'all',
      type: 'switch',
      help: 'let the running peer read all that it shares again; what is damaged it serves no longer',
    },
    { name: 'repair', type: 'switch', help: 'with --all: fetch what is damaged from other peers and write it over' },
    { name: 'rate', type: 'text', value: 'RATE', help: 'with --all: most bytes a second that are read: 50M (default no limit)' },
    JSON_FLAG,
    QUIET_FLAG,
  ],
  examples: [
    'peer verify disk.img @9f2c…',
    "peer verify model.bin 'magnet:?xt=urn:shoal:…'",
    'peer verify --all --repair --rate 50M',
  ],
  run: runVerify,
};

async function runVerify(input: CommandInput): Promise<number> {
  const [path, what] = input.args;
  const isJson = input.switch('json') === true;
  const isQuiet = input.switch('quiet') === true;
  const isRepair = input.switch('repair') === true;
  const bytesPerSecond = scrubRateOf(input, 'rate');
  if (input.switch('all') === true) {
    if (path !== undefined) throw usage('--all checks what the running peer shares, and takes no file.');
    // Loaded for this alone.
    const { verifyAll } = await import('./verify-all.js');
    return verifyAll({ isRepair, bytesPerSecond, isJson, isQuiet });
  }
  if (isRepair || bytesPerSecond !== undefined) throw usage('--repair and --rate go with --all.');
  if (path === undefined || what === undefined)
    throw usage('Name a file and a link or @root that it is to be held against, or give --all.');
  return verifyOne(path, what, { isJson, isQuiet });
}

function usage(text: string): ShoalError {
  return new ShoalError('USAGE', 'local', text);
}

async function verifyOne(path: string, what: string, { isJson, isQuiet }: ProgressOptions): Promise<number> {
  const { root, sizeBytes } = parseFetchSource(what);
  if (root === undefined) throw new ShoalError('USAGE', 'local', `"${what}" is neither a link nor a root with an @ before it.`);
  const foundBytes = await fileSize(path);
  const progress = await createProgress({ isQuiet, isJson });
  const pool = new HashPool();
  try {
    const isRight =
      (sizeBytes === undefined || sizeBytes === foundBytes) && (await isOfRoot(pool, path, foundBytes, root, progress));
    progress.stop();
    if (isJson) process.stdout.write(`${JSON.stringify({ event: 'verified', path, size: foundBytes, root, ok: isRight })}\n`);
    else if (isRight) process.stdout.write(`${path}: verified, ${formatBytes(foundBytes)}\n`);
    if (!isRight) throw new ShoalError('VERIFY_FAILED', 'environment', `${path} is not what @${root} names.`);
    return 0;
  } finally {
    progress.stop();
    await pool.close();
  }
}

async function fileSize(path: string): Promise<number> {
  const stats = await stat(path).catch((error: unknown) => {
    if (systemCode(error) === 'EACCES') throw new ShoalError('DENIED', 'environment', `Not allowed to read ${path}.`, error);
    throw new ShoalError('NOT_FOUND', 'local', `There is no file ${path}.`, error);
  });
  if (!stats.isFile())
    throw new ShoalError('USAGE', 'local', `${path} is no file; a folder is checked by fetching it again over itself.`);
  await access(path, constants.R_OK).catch((error: unknown) => {
    throw new ShoalError('DENIED', 'environment', `Not allowed to read ${path}.`, error);
  });
  return stats.size;
}

/** A root does not say which hash function made it: the usual one first, then the others. */
async function isOfRoot(pool: HashPool, path: string, sizeBytes: number, root: string, progress: Progress): Promise<boolean> {
  for (const hashName of HASH_NAMES) {
    progress.phase(`verify (${hashName})`, sizeBytes);
    const hashes = await hashWholeFile(pool, path, sizeBytes, hashName, (doneBytes) => progress.update(doneBytes));
    if (hashes === undefined)
      throw new ShoalError('IO', 'environment', `${path} could not be read to its end; is the disk all right?`);
    if ((await pool.root({ sizeBytes, chunkBytes: CHUNK_BYTES, hashes }, hashName)) === root) return true;
  }
  return false;
}
