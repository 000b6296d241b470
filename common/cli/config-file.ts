/**
 * Configuration files. TOML where the name ends in `.toml`, otherwise plain `key=value` lines, with `#` and `//` comments.
 * Both give the same thing: the keys of flags, each with one or more values. The one door to smol-toml.
 */
import { readFile } from 'node:fs/promises';
import { ShoalError, systemCode } from '../core/errors.js';

export type ConfigValues = ReadonlyMap<string, readonly string[]>;

/** Reads a file; `undefined` where there is none. Throws `USAGE` for what cannot be read or understood. */
export async function readConfigFile(path: string): Promise<ConfigValues | undefined> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw new ShoalError('USAGE', 'local', `Cannot read the configuration file ${path}: ${(error as Error).message}.`, error);
  }
  return path.endsWith('.toml') ? parseToml(text, path) : parsePlain(text, path);
}

/** Reads TOML: a table of texts, numbers, booleans and lists of them. Throws `USAGE` with what is wrong. */
export async function parseToml(text: string, path: string): Promise<ConfigValues> {
  // Loaded where there is such a file: most runs have none.
  const { parse } = await import('smol-toml');
  let table: Record<string, unknown>;
  try {
    table = parse(text);
  } catch (error) {
    const { message, line } = error as Error & { readonly line?: number };
    const place = line === undefined ? path : `${path}, line ${line}`;
    throw new ShoalError('USAGE', 'local', `${place}: ${message.split('\n')[0]}.`, error);
  }
  return new Map(
    Object.entries(table).map(([key, value]): [string, string[]] => {
      const values = Array.isArray(value) ? value : [value];
      if (values.some((one) => !['string', 'number', 'boolean'].includes(typeof one))) {
        throw new ShoalError('USAGE', 'local', `${path}: "${key}" must be a text, a number, true, false, or a list of texts.`);
      }
      return [key, values.map(String)];
    }),
  );
}

/** Reads `key=value` lines; a repeated key adds a value. Throws `USAGE` with the line number. */
export function parsePlain(text: string, path: string): ConfigValues {
  const values = new Map<string, string[]>();
  for (const [index, raw] of text.split('\n').entries()) {
    const line = raw.trim();
    if (line === '' || line.startsWith('#') || line.startsWith('//')) continue;
    const at = line.indexOf('=');
    if (at <= 0) throw new ShoalError('USAGE', 'local', `${path}, line ${index + 1}: expected key=value.`);
    const key = line.slice(0, at).trim();
    values.set(key, [...(values.get(key) ?? []), line.slice(at + 1).trim()]);
  }
  return values;
}
