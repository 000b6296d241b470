/** The version of the package that is running. */
import { readFileSync } from 'node:fs';

/** Two folders up from the compiled file's folder, and one more for `dist`. */
export function packageVersion(): string {
  const manifest: unknown = JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8'));
  return String((manifest as { version?: unknown }).version);
}
