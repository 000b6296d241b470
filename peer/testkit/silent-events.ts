/** The events of a node for tests that hear only some of them. */
import type { NodeEvents } from '../node.js';

/** What a node tells, of which only what is given is heard. */
export function silentEvents(told: Partial<NodeEvents>): NodeEvents {
  const silent = () => undefined;
  return {
    scanned: silent,
    hashed: silent,
    indexed: silent,
    changed: silent,
    note: silent,
    registered: silent,
    refused: silent,
    trackerLost: silent,
    trackerBack: silent,
    served: silent,
    ...told,
  };
}
