/** `peer unshare`: the running peer shares something no longer. */
import { resolve } from 'node:path';
import type { CommandInput, CommandSpec } from '../../common/cli/command-spec.js';
import { printable } from '../../common/wire/tokens.js';
import { needNode } from './running-node.js';

export const unshareCommand: CommandSpec = {
  name: 'unshare',
  summary: 'let the running peer share something no longer; its files stay',
  args: [
    { name: 'path|name', help: 'a path that it shares, or the name that it is shared under', isVariadic: true, isPath: true },
  ],
  flags: [],
  examples: ['peer unshare ubuntu.iso', 'peer unshare /data/photos'],
  run: runUnshare,
};

async function runUnshare(input: CommandInput): Promise<number> {
  const node = await needNode();
  try {
    for (const what of input.args) {
      const { names } = (await node.ask({ request: 'unshare', name: what, path: resolve(what) })) as {
        readonly names: readonly string[];
      };
      process.stdout.write(names.map((name) => `not shared any more: ${printable(name)}\n`).join(''));
    }
    return 0;
  } finally {
    node.close();
  }
}
