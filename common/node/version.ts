/** The version of the package that is running. */
import { createRequire } from 'node:module';

/** The manifest is found by the name that it gives itself, because compiled and bundled this code lies at different depths. */
export function packageVersion(): string {
  const manifest: unknown = createRequire(import.meta.url)('#manifest');
  return String((manifest as { version?: unknown }).version);
}
