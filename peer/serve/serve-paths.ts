/** Where a peer that stays keeps its state, and where its user's commands find it. */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { stateFolder } from '../../common/node/user-folders.js';

type Env = Readonly<Record<string, string | undefined>>;

/** `SHOAL_STATE_DIR`, or the user's state folder. */
export function stateFolderOf(env: Env): string {
  return env['SHOAL_STATE_DIR'] || stateFolder;
}

/**
 * The control socket: in the folder that the system empties when the user has gone, where there is one, otherwise with the state. Whoever has
 * a state folder of their own has a node of their own, so its socket is there.
 */
export function controlPathOf(env: Env, platform: string = process.platform): string {
  const own = env['SHOAL_STATE_DIR'];
  if (platform === 'win32') {
    const place = createHash('sha256').update(stateFolderOf(env)).digest('hex').slice(0, 16);
    return `\\\\.\\pipe\\shoal-peer-${place}`;
  }
  const runtime = env['XDG_RUNTIME_DIR'];
  return own || !runtime ? join(stateFolderOf(env), 'run', 'peer.sock') : join(runtime, 'shoal', 'peer.sock');
}
