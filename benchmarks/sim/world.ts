/**
 * A scenario at work: the program's own tracker and nodes on a simulated network and simulated disks, with everything that goes wrong.
 *
 *     trouble (faults come and go) ──► healed (who can finish, does) ──► closed (nothing is left open)
 */

import { chunkCount, chunkLength, chunkOffset } from '../../common/core/chunks.js';
import { FOLDER_TYPE } from '../../common/core/folder-index.js';
import type { ContentRoot } from '../../common/core/root.js';
import { SimClock } from '../../common/sim/sim-clock.js';
import { SimNetwork } from '../../common/sim/sim-network.js';
import { SimRandom } from '../../common/sim/sim-random.js';
import type { SharedContent } from '../../peer/share/shared-content.js';
import { partPaths } from '../../peer/store/part-paths.js';
import { Actor } from './actor.js';
import { FaultRunner } from './fault-runner.js';
import { Goods } from './goods.js';
import { Machine, type ProgramRun } from './machine.js';
import { Record } from './record.js';
import type { MachinePlan, Scenario } from './scenario.js';
import { tappedListener } from './serving-tap.js';
import { Stranger } from './stranger.js';
import { TrackerSite } from './tracker-site.js';
import { Truth } from './truth.js';
import { Weather } from './weather.js';

const SECOND_MS = 1000;
/** From the end of all faults: whoever can finish has finished by then, over the slowest line and after the longest rest. */
const FINISH_MS = 1200 * SECOND_MS;
/** Between two looks at who can finish and has not. */
const LOOK_MS = 5 * SECOND_MS;
/** In which everything that is closed lets go of what it had: longer than any deadline but that of a silent stream. */
const CLOSE_MS = 120 * SECOND_MS;

export interface WorldOptions {
  readonly trace?: (line: string) => void;
  /** Changes what programs are given: a fault that is planted. */
  readonly equip?: (run: ProgramRun, actor: Actor) => ProgramRun;
}

export class World {
  readonly scenario: Scenario;
  readonly clock: SimClock;
  readonly network: SimNetwork;
  readonly weather: Weather;
  readonly record: Record;
  readonly goods: readonly Goods[];
  readonly trackers: readonly TrackerSite[];
  readonly actors: readonly (Actor | undefined)[];
  readonly #truth = new Truth();
  readonly #strangers: Stranger[] = [];
  readonly #faults: FaultRunner;

  constructor(scenario: Scenario, options: WorldOptions = {}) {
    const random = new SimRandom(scenario.seed).fork();
    this.scenario = scenario;
    this.record = new Record(() => this.clock.nowMs(), options.trace);
    this.clock = new SimClock({ observe: (nowMs, name) => this.record.event(nowMs, name) });
    this.weather = new Weather(random.fork());
    this.network = new SimNetwork(this.clock, { datagramFaults: this.weather, streamFate: this.weather.streamFate });
    this.goods = scenario.contents.map((content) => new Goods(content, this.#truth));
    this.trackers = scenario.trackers.map(
      (plan, at) => new TrackerSite(this.clock, this.network, `10.9.9.${at + 1}`, plan, random.fork()),
    );
    this.actors = scenario.machines.map((plan, at) => this.#makeActor(plan, at, random.fork(), options));
    this.#faults = new FaultRunner(this);
  }

  /** Runs it all; what broke is in `record`. */
  async run(): Promise<void> {
    const { clock, scenario } = this;
    for (const tracker of this.trackers) void tracker.start();
    for (const [at, plan] of scenario.machines.entries()) {
      if (plan.role !== 'hostile') clock.setTimer('first command', plan.startMs, () => this.startActor(at));
    }
    this.#faults.schedule(scenario.faults);
    await this.#pass(scenario.healedMs);
    if (this.#isBroken) return;
    this.#healAll();
    await this.#untilFinished();
    if (!this.#isBroken) await this.#closeAll();
  }

  /** Whether something broke: what comes after that says little. */
  get #isBroken(): boolean {
    return this.record.broken.length > 0;
  }

  #pass(ms: number): Promise<void> {
    return this.clock.run({ untilMs: this.clock.nowMs() + ms, isOver: () => this.#isBroken });
  }

  /** Starts somebody's program, as soon as what is to be fetched is known. */
  startActor(at: number): void {
    const actor = this.actors[at];
    if (actor === undefined) return;
    if (actor.goods?.roots.length === 0) this.clock.setTimer('waits for a link', SECOND_MS, () => this.startActor(at));
    else actor.start();
  }

  #makeActor(plan: MachinePlan, at: number, random: SimRandom, options: WorldOptions): Actor | undefined {
    const ip = `10.0.${at}.1`;
    if (plan.role === 'hostile') {
      const goods = this.goods[plan.content];
      if (goods !== undefined) this.#strangers.push(new Stranger(this, { ip, plan, goods, random }));
      return undefined;
    }
    const machine = new Machine(this.clock, this.network, { name: `${plan.role}-${at}`, ip, line: plan.line, random });
    const actor: Actor = new Actor(plan, machine, {
      record: this.record,
      goods: this.goods,
      trackerIps: () => this.trackers.map((tracker) => tracker.ip),
      indexed: (content, fileCount) => this.#indexed(content, fileCount),
      equip: (run) => this.#equip(run, actor, options),
    });
    return actor;
  }

  /** Everything that a peer serves is looked at. */
  #equip(run: ProgramRun, actor: Actor, { equip }: WorldOptions): ProgramRun {
    const { record } = this;
    const listener = tappedListener(run.ports.listener, this.#truth, {
      served: () => record.count('chunks served'),
      told: (root, chunks) => actor.told(root, chunks),
      broken: (what) => record.breaks(actor.name, what),
    });
    const tapped = { ...run, ports: { ...run.ports, listener } };
    return equip?.(tapped, actor) ?? tapped;
  }

  #indexed({ name, root, manifest }: SharedContent, fileCount = 0): void {
    if (manifest.type !== FOLDER_TYPE) {
      if (this.#truth.find(root) === undefined) this.record.breaks('truth', `"${name}" was given a root that is not its own`);
      return;
    }
    if (!this.#truth.addFolder(name, root, manifest))
      this.record.breaks('truth', `the manifest of "${name}" is not what its root names`);
    this.goods.find(({ plan }) => plan.name === name)?.addFolder(root, fileCount);
  }

  #healAll(): void {
    this.#faults.healAll();
    this.record.note('world', 'all is well from now on');
    for (const tracker of this.trackers) if (tracker.life === undefined) void tracker.start();
    for (const at of this.actors.keys()) this.startActor(at);
  }

  async #untilFinished(): Promise<void> {
    const { clock } = this;
    const endMs = clock.nowMs() + FINISH_MS;
    while (clock.nowMs() < endMs && !this.#isBroken && this.#unfinished().length > 0) {
      await this.#pass(LOOK_MS);
    }
    if (!this.#isBroken)
      for (const actor of this.#unfinished()) this.record.breaks(actor.name, 'could have finished and has not');
  }

  /** Those who want what is there, and do not have it. */
  #unfinished(): Actor[] {
    return this.actors.flatMap((actor) => (actor?.goods !== undefined && !actor.isDone && this.#canFinish(actor) ? [actor] : []));
  }

  /** Whether every chunk of what it wants is on its own disk, or with somebody honest who is there. */
  #canFinish(actor: Actor): boolean {
    const { goods } = actor;
    if (goods === undefined || actor.machine.isOn === false) return goods !== undefined;
    // Whoever has one version and asks for it again wants that one.
    const version = Math.max(0, goods.plan.isFolder || actor.root === undefined ? 0 : goods.roots.indexOf(actor.root));
    const isShared = this.actors.some((other) => this.#sharesVersion(other, goods, version, actor.root));
    if (isShared || goods.plan.isFolder) return isShared;
    return this.#isCoveredByParts(actor, goods, version);
  }

  /** Nothing of a folder is edited, but a sharer that could not read all of it made another root of it. */
  #sharesVersion(other: Actor | undefined, goods: Goods, version: number, root: ContentRoot | undefined): boolean {
    if (other === undefined || !other.machine.isOn) return false;
    if (other.goods === goods)
      return other.isDone && goods.plan.isFolder
        ? (root === undefined || (other.root ?? root) === root) &&
            goods.fault(other.target, root, (path) => other.machine.disk.peek(path)) === undefined
        : other.isDone && goods.versionAt(other.machine.disk, other.target) === version;
    if (other.plan.role !== 'share' || !other.plan.contents.some((at) => this.goods[at] === goods)) return false;
    if (goods.plan.isFolder) return root === undefined || other.shared.get(goods.plan.name) === root;
    return goods.versionAt(other.machine.disk, goods.sharePath) === version;
  }

  #isCoveredByParts(actor: Actor, goods: Goods, version: number): boolean {
    const root = goods.roots[version];
    if (root === undefined) return false;
    const bytes = goods.bytesOf(version);
    const parts = this.actors.flatMap((other) => {
      if (other?.goods !== goods || (other !== actor && !other.isServingPart)) return [];
      return other.machine.disk.peek(partPaths(other.target, root).part) ?? [];
    });
    const isCovered = (chunk: number) => {
      const [from, lengthBytes] = [chunkOffset(chunk), chunkLength(chunk, bytes.length)];
      const wanted = bytes.subarray(from, from + lengthBytes);
      return parts.some((part) => Buffer.compare(part.subarray(from, from + lengthBytes), wanted) === 0);
    };
    return actor.isDone || [...Array(chunkCount(bytes.length)).keys()].every(isCovered);
  }

  /** Everybody leaves; then nothing is open any more, and no timer is set. */
  async #closeAll(): Promise<void> {
    const { record } = this;
    for (const actor of this.actors) actor?.user?.leave();
    await this.#pass(CLOSE_MS);
    for (const actor of this.actors) {
      if (actor === undefined) continue;
      if (actor.machine.isOn) record.breaks(actor.name, 'does not end when it is told to');
      const { openCount } = actor.machine.disk;
      if (openCount > 0) record.breaks(actor.name, `${openCount} files are still open`);
      if (actor.machine.host.openCount > 0)
        record.breaks(actor.name, `${actor.machine.host.openCount} streams or ports are still open`);
      actor.checkEnd();
    }
    if (this.#isBroken) return;
    let areTrackersClosed = false;
    for (const stranger of this.#strangers) void stranger.close();
    void Promise.all(this.trackers.map((tracker) => tracker.close())).then(() => {
      areTrackersClosed = true;
    });
    await this.#pass(CLOSE_MS);
    if (!areTrackersClosed && !this.#isBroken) record.breaks('tracker', 'does not end when it is told to');
    for (const { host, life } of this.trackers) {
      if (host.openCount > 0) record.breaks(host.ip, `${host.openCount} are still open`);
      const timers = life?.timerNames ?? [];
      if (timers.length > 0) record.breaks(host.ip, `leaves timers behind: ${timers.join(', ')}`);
    }
  }
}
