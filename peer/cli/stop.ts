/** `peer stop`: ends the running peer. */
import type { CommandSpec } from '../../common/cli/command-spec.js';
import { needNode } from './running-node.js';

export const stopCommand: CommandSpec = {
  name: 'stop',
  summary: 'end the running peer',
  args: [],
  flags: [],
  examples: ['peer stop'],
  run: runStop,
};

async function runStop(): Promise<number> {
  const node = await needNode();
  const { pid } = node.hello;
  await node.ask({ request: 'stop' });
  // It ends the connection when it has said goodbye and written its state.
  await node.ended();
  process.stdout.write(`stopped process ${pid}\n`);
  return 0;
}
