/** A disk as one run of a program sees it: what it asked for is done while it is stopped, and it hears of that when it goes on. */
import type { Disk, DiskFile } from '../ports/disk.js';
import type { SimLife } from './sim-life.js';

export function livingDisk(life: SimLife, disk: Disk): Disk {
  return heldBack(life, disk, { open: async (opened: Promise<DiskFile>) => heldBack(life, await opened, {}) });
}

type Rewrite = (result: never) => unknown;

/** The same object, whose promises settle while the program runs. `rewrites` change what methods of those names give. */
function heldBack<Port extends object>(life: SimLife, port: Port, rewrites: Readonly<Record<string, Rewrite>>): Port {
  return new Proxy(port, {
    get: (target, name) => {
      const found: unknown = Reflect.get(target, name, target);
      if (typeof found !== 'function') return found;
      const rewrite = rewrites[String(name)];
      return (...args: unknown[]): unknown => {
        const result: unknown = Reflect.apply(found, target, args);
        if (!(result instanceof Promise)) return result;
        return life.promise(rewrite === undefined ? result : Promise.resolve(rewrite(result as never)));
      };
    },
  });
}
