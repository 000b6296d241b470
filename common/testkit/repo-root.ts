/** Where the repository is, seen from a test: sources and documents are there, the running code is under `dist/`. */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

function findRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'package.json'))) folder = dirname(folder);
  return folder;
}

export const repoRoot: string = findRoot();

/** The file of a command as it ships: the bundle. */
export function commandFile(program: 'peer' | 'tracker'): string {
  return join(repoRoot, 'dist/bin', `${program}.js`);
}
