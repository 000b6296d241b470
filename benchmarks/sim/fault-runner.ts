/** Makes the faults of a scenario happen, and ends them. */
import { join } from 'node:path';
import { withFile } from '../../common/node/disk-work.js';
import type { Actor } from './actor.js';
import type { DiskTrouble, Fault } from './fault-schedule.js';
import { DISK_BYTES } from './machine.js';
import type { World } from './world.js';

type Of<Kind extends Fault['kind']> = Extract<Fault, { kind: Kind }>;

export class FaultRunner {
  readonly #world: World;
  /** How to end what lasts. */
  readonly #endings = new Set<() => void>();
  #isOver = false;

  constructor(world: World) {
    this.#world = world;
  }

  schedule(faults: readonly Fault[]): void {
    for (const fault of faults) {
      this.#world.clock.setTimer(`fault ${fault.kind}`, fault.atMs, () => {
        if (this.#isOver) return;
        this.#world.record.note('world', `${fault.kind}: ${JSON.stringify(fault)}`);
        this.#begin(fault);
      });
    }
  }

  /** Ends all faults, and lets none begin. */
  healAll(): void {
    this.#isOver = true;
    for (const end of [...this.#endings]) end();
    for (const actor of this.#world.actors) {
      if (actor === undefined) continue;
      actor.machine.life?.goOn();
      actor.machine.disk.setCapacity(DISK_BYTES);
      actor.machine.disk.observe = () => undefined;
    }
    this.#world.network.paths.heal();
  }

  #begin(fault: Fault): void {
    const { record, weather } = this.#world;
    switch (fault.kind) {
      case 'datagrams':
      case 'resets':
      case 'silences':
        record.count(fault.kind);
        weather.begin(fault);
        this.#until(fault, () => weather.end(fault));
        break;
      case 'partition':
        record.count(fault.isOneWay ? 'one-way partition' : fault.kind);
        this.#until(fault, this.#part(fault));
        break;
      case 'tracker-crash':
        this.#crashTracker(fault);
        break;
      default: {
        const actor = this.#world.actors[fault.machine];
        if (actor !== undefined) this.#beginAt(fault, actor);
      }
    }
  }

  #beginAt(fault: Of<'stall' | 'crash' | 'interrupt' | 'disk-full' | 'disk-error' | 'edit'>, actor: Actor): void {
    const { record } = this.#world;
    const { disk, life } = actor.machine;
    switch (fault.kind) {
      case 'stall':
        if (life === undefined) return;
        record.count('stall');
        life.stop();
        this.#until(fault, () => life.goOn());
        break;
      case 'crash':
        this.#crashAt(fault, actor);
        break;
      case 'interrupt':
        record.count('interrupt');
        actor.user?.interrupt();
        return;
      case 'disk-full':
        record.count('full disk');
        disk.setCapacity(disk.usedBytes + fault.leftBytes);
        this.#until(fault, () => disk.setCapacity(DISK_BYTES));
        this.#until(fault, actor.beginDiskTrouble());
        break;
      case 'disk-error': {
        const { what, skipCount, failCount } = fault;
        record.count(`failed ${what}`);
        this.#until(fault, disk.faults.add({ code: 'EIO', operations: OPERATIONS[what], skipCount, failCount }));
        this.#until(fault, actor.beginDiskTrouble());
        break;
      }
      case 'edit':
        this.#edit(fault, actor);
        break;
    }
  }

  #part({ machines, isOneWay }: Of<'partition'>): () => void {
    const { actors, network, scenario, trackers } = this.#world;
    const cut = new Set(machines.map((at) => ipOf(actors[at], at)));
    const others = [...trackers.map(({ ip }) => ip), ...scenario.machines.map((_, at) => ipOf(actors[at], at))].filter(
      (ip) => !cut.has(ip),
    );
    return isOneWay ? network.paths.cut(cut, others) : network.paths.part(cut, others);
  }

  #crashTracker(fault: Of<'tracker-crash'>): void {
    const tracker = this.#world.trackers[fault.tracker];
    if (tracker?.life === undefined) return;
    this.#world.record.count('tracker crash');
    tracker.crash(fault.isPower);
    this.#until(fault, () => {
      if (tracker.life === undefined) void tracker.start();
    });
  }

  #crashAt(fault: Of<'crash'>, actor: Actor): void {
    if (fault.changeCount === 0) {
      this.#crash(fault, actor);
      return;
    }
    const { disk } = actor.machine;
    let left = fault.changeCount;
    disk.observe = () => {
      left -= 1;
      if (left > 0) return;
      disk.observe = () => undefined;
      this.#crash(fault, actor);
    };
    this.#until(fault, () => {
      disk.observe = () => undefined;
    });
  }

  #crash(fault: Of<'crash'>, actor: Actor): void {
    const { scenario, actors, clock, record } = this.#world;
    if (!actor.machine.isOn) return;
    record.count(`${fault.isPower ? 'power loss' : 'kill'}${fault.changeCount > 0 ? ' in a write' : ''}`);
    actor.crash(fault.isPower);
    if (fault.isMoved) actor.machine.move();
    if (fault.isRotten && actor.rot()) record.count('rot');
    const restart = () => this.#world.startActor(actors.indexOf(actor));
    this.#until({ forMs: Math.min(fault.forMs, Math.max(1, scenario.healedMs - clock.nowMs())) }, restart);
  }

  #edit({ content, isInPlace }: Of<'edit'>, actor: Actor): void {
    const goods = this.#world.goods[content];
    const { disk } = actor.machine;
    if (goods === undefined || goods.sizeBytes === 0) return;
    const { record } = this.#world;
    record.count('edit');
    const version = 1 - (goods.versionAt(disk, goods.sharePath) ?? 0);
    record.note(actor.name, `its file becomes version ${version} ${isInPlace ? 'in place' : 'by a rename'}`);
    if (isInPlace) disk.plant(goods.sharePath, goods.bytesOf(version));
    else
      void this.#replace(actor, goods.sharePath, goods.bytesOf(version)).catch(() =>
        record.note(actor.name, 'it could not be saved'),
      );
  }

  /** As editors save: beside it, and then in its place. */
  async #replace(actor: Actor, path: string, bytes: Uint8Array): Promise<void> {
    const editor = actor.machine.disk.mount();
    const beside = join(path, '..', '.being-saved');
    try {
      await withFile(editor, beside, 'create', async (file) => {
        await file.write(bytes, 0);
        await file.sync();
      });
      await editor.rename(beside, path);
      await editor.syncFolder(join(path, '..'));
    } finally {
      editor.crash();
    }
  }

  /** Calls `end` when the fault is over, once. */
  #until({ forMs }: { readonly forMs: number }, end: () => void): void {
    const once = () => {
      if (this.#endings.delete(once)) end();
    };
    this.#endings.add(once);
    this.#world.clock.setTimer('fault ends', forMs, once);
  }
}

const OPERATIONS = {
  sync: ['sync'],
  read: ['read'],
  write: ['write'],
  rename: ['rename'],
  'sync-folder': ['sync-folder'],
  create: ['create'],
} as const satisfies Record<DiskTrouble, readonly string[]>;

function ipOf(actor: Actor | undefined, at: number): string {
  return actor?.machine.ip ?? `10.0.${at}.1`;
}
