/**
 * Somebody in a scenario: a machine with a person who shares or fetches at it, and what must be true of it whenever something happens.
 *
 * Checked whenever a chunk is counted or told of: it is on the disk and right. At each crash: what was to be fetched is at its place
 * exactly or not at all, the journal claims nothing that is not there, what was reported done is, and what lies around beside it does
 * not pile up. At each done: the same after the worst power cut that there could be.
 */
import { basename, join } from 'node:path';
import { ShoalError } from '../../common/core/errors.js';
import type { ContentRoot } from '../../common/core/root.js';
import type { FetchEvent, FetchResult } from '../../peer/fetch/fetch-events.js';
import type { SharedContent } from '../../peer/share/shared-content.js';
import { partPaths } from '../../peer/store/part-paths.js';
import { lockKey } from '../../peer/store/target-lock.js';
import type { Goods } from './goods.js';
import { HadCheck } from './had-check.js';
import type { Machine, ProgramRun } from './machine.js';
import type { Record } from './record.js';
import type { FetcherPlan, SharerPlan } from './scenario.js';
import { type Asked, CACHE_FOLDER, DOWNLOAD_FOLDER, User, type UserEvents } from './user.js';

/** Names beside a target: part, journal, index, lock, its takeover and one of a run that died; and names in the cache. */
const BESIDE_MAX_COUNT = 8;
const CACHE_MAX_COUNT = 4;
/** In which streams that were cut say so to who had them. */
const LAST_WORDS_MS = 100;

export interface ActorPorts {
  readonly record: Record;
  readonly goods: readonly Goods[];
  readonly trackerIps: () => readonly string[];
  /** A sharer has made a content. */
  readonly indexed: (content: SharedContent, fileCount: number | undefined) => void;
  /** A program starts with these ports. */
  readonly equip: (run: ProgramRun) => ProgramRun;
}

export class Actor {
  readonly plan: SharerPlan | FetcherPlan;
  readonly machine: Machine;
  readonly #ports: ActorPorts;
  readonly #had: HadCheck | undefined;
  #user: User | undefined;
  /** Of a fetch that was reported done. */
  #done: FetchResult | undefined;
  #root: ContentRoot | undefined;
  /** What its command shares at the moment, by name. */
  readonly shared = new Map<string, ContentRoot>();
  /** What it fetches just now. */
  #fetchedRoot: ContentRoot | undefined;
  /** Troubles of its disk that last, and whether there was one since its command began. */
  #diskTroubleCount = 0;
  #hadDiskTrouble = false;
  #isDoneNow = false;
  #isFetching = false;
  #isAmbiguous = false;
  #isOver = false;

  constructor(plan: SharerPlan | FetcherPlan, machine: Machine, ports: ActorPorts) {
    [this.plan, this.machine, this.#ports] = [plan, machine, ports];
    for (const folder of [CACHE_FOLDER, DOWNLOAD_FOLDER]) machine.disk.plantFolder(folder);
    if (plan.role === 'share') for (const at of plan.contents) this.#goodsAt(at).plant(machine.disk);
    if (plan.role === 'fetch') this.#had = new HadCheck(machine.disk, this.#goodsAt(plan.content), this.target);
  }

  get name(): string {
    return this.machine.name;
  }

  /** Whether it has what it wants, and the command that runs now says so too: it tidies up after one that died. */
  get isDone(): boolean {
    return this.#done !== undefined && (this.#isDoneNow || this.#isOver);
  }

  /** Whether its person has left, with what was wanted. */
  get isOver(): boolean {
    return this.#isOver;
  }

  get user(): User | undefined {
    return this.machine.life?.isDead === false ? this.#user : undefined;
  }

  /** Whether it serves a part of what it fetches: as long as it goes on. A command that finds nobody ends at once, and serves nothing. */
  get isServingPart(): boolean {
    return this.machine.isOn && !this.#isOver && this.#isFetching;
  }

  /** What a fetcher fetches. */
  get goods(): Goods | undefined {
    return this.plan.role === 'fetch' ? this.#goodsAt(this.plan.content) : undefined;
  }

  get target(): string {
    return join(DOWNLOAD_FOLDER, this.goods?.plan.name ?? '');
  }

  /** The root that a fetcher asked for, as soon as it has asked. */
  get root(): ContentRoot | undefined {
    return this.#root;
  }

  /** Gives the command. What is fetched must be known by then, where it is named by its root. */
  start(): void {
    if (this.#isOver || this.machine.isOn) return;
    const run = this.#ports.equip(this.machine.start());
    const { plan } = this;
    const trackers = plan.trackers.flatMap((at) => this.#ports.trackerIps()[at] ?? []).map((host) => ({ host, port: 4700 }));
    const content = plan.role === 'fetch' ? plan.content : (plan.contents[0] ?? 0);
    const { hashName } = this.#goodsAt(content).plan;
    const user = new User(run, { flags: plan, trackers, hashName }, this.#events());
    this.#user = user;
    this.#isDoneNow = false;
    this.shared.clear();
    this.#ports.record.note(this.name, 'starts');
    void this.#command(user).then(() => {
      this.#ports.record.note(this.name, 'has ended');
      this.#isOver = true;
      run.clock.setTimer('last words', LAST_WORDS_MS, () => this.#processEnds(run));
    });
  }

  /** Nothing is open any more that would keep a process from its end. */
  #processEnds({ life }: ProgramRun): void {
    const left = life.timerNames;
    if (left.length > 0) this.#breaks(`leaves timers behind: ${left.join(', ')}`);
    this.machine.ended(life);
  }

  crash(isPower: boolean): void {
    const { record } = this.#ports;
    record.note(this.name, isPower ? 'loses its power' : 'is killed');
    this.machine.crash(isPower);
    this.#user = undefined;
    // What was taken away may be there again.
    if (isPower) this.#isDoneNow = false;
    this.checkFiles();
  }

  /** Its disk is full, or fails, until the function that is returned is called. */
  beginDiskTrouble(): () => void {
    this.#diskTroubleCount += 1;
    this.#hadDiskTrouble = true;
    return () => {
      this.#diskTroubleCount -= 1;
    };
  }

  /** It tells another peer that it has these chunks. */
  told(root: ContentRoot, chunks: readonly number[]): void {
    this.#breaksIf(this.#had?.told(root, chunks));
  }

  /** Bits of what it had fetched in part change. Returns whether there was anything. To be called while no program runs. */
  rot(): boolean {
    return this.#had?.rot() ?? false;
  }

  /** What must be true of the files at any time, and is looked at when nobody writes. */
  checkFiles(): void {
    const { disk } = this.machine;
    const { goods, target } = this;
    const cached = disk.names(CACHE_FOLDER) ?? [];
    if (cached.length > CACHE_MAX_COUNT) this.#breaks(`the cache has piled up: ${cached.join(', ')}`);
    if (goods === undefined) return;
    this.#breaksIf(this.#had?.claimed());
    const names = disk.names(DOWNLOAD_FOLDER) ?? [];
    if (names.length > BESIDE_MAX_COUNT) this.#breaks(`left-overs have piled up: ${names.join(', ')}`);
    const isThere = names.includes(goods.plan.name);
    const fault = goods.fault(target, this.#done?.root ?? undefined, (path) => disk.peek(path));
    if (isThere && fault !== undefined) this.#breaks(`the target is there and not exact: ${fault}`);
    if (this.#done !== undefined && fault !== undefined) this.#breaks(`what was reported done was taken back: ${fault}`);
  }

  /** What must be true in the end, where nothing went wrong for a while. Only a command that got to its end tidies up. */
  checkEnd(): void {
    this.checkFiles();
    // What cannot be tidied up is left to the next run; here is none.
    if (!this.#isDoneNow || this.#hadDiskTrouble) return;
    const names = this.machine.disk.names(DOWNLOAD_FOLDER) ?? [];
    const extra = names.filter((name) => name !== this.goods?.plan.name && !this.#isOfOtherVersion(name));
    if (extra.length > 0) this.#breaks(`left-overs stay behind: ${extra.join(', ')}`);
  }

  /** What is left of another version is kept for whoever wants that one after all. */
  #isOfOtherVersion(name: string): boolean {
    const others = (this.goods?.roots ?? []).filter((root) => root !== this.#done?.root);
    return others.some((root) => {
      const { part, lock, index } = partPaths(this.target, root);
      const locks = [lock, partPaths(index, root).lock];
      return name.includes(basename(part, 'part')) || locks.some((one) => name.startsWith(`.${lockKey(one)}.`));
    });
  }

  #command(user: User): Promise<void> {
    const { plan } = this;
    if (plan.role === 'share') return user.share(plan.contents.map((at) => this.#goodsAt(at).sharePath));
    return user.fetch(() => this.#asked(plan), plan);
  }

  #asked({ by }: FetcherPlan): Asked {
    const goods = this.goods;
    if (goods === undefined) throw new ShoalError('INTERNAL', 'local', 'nothing to fetch');
    [this.#isDoneNow, this.#isFetching, this.#hadDiskTrouble] = [false, false, this.#diskTroubleCount > 0];
    const { name, isFolder } = goods.plan;
    if (by === 'name' && !this.#isAmbiguous) return { source: name, out: undefined };
    const root = this.#rootThere() ?? goods.roots[0];
    this.#root = root;
    if (by === 'link') return { source: `magnet:?xt=urn:shoal:${root}&dn=${name}`, out: undefined };
    // A root alone says nothing of a name. Of a folder, which cannot be named for a later run before it is there, the manifest does.
    return { source: `@${root}`, out: isFolder ? undefined : this.target };
  }

  /** The root of the version of a file that was fetched already; `undefined` where there is none. */
  #rootThere(): ContentRoot | undefined {
    const { goods, target } = this;
    const { disk } = this.machine;
    if (goods?.plan.isFolder !== false) return undefined;
    return goods.roots.find((root) => goods.fault(target, root, (path) => disk.peek(path)) === undefined);
  }

  #events(): UserEvents {
    const { record } = this.#ports;
    return {
      indexed: (content, fileCount) => {
        this.shared.set(content.name, content.root);
        this.#ports.indexed(content, fileCount);
      },
      fetchEvent: (event) => this.#fetchEvent(event),
      done: (result) => this.#reportedDone(result),
      failed: ({ code, message }, isUsual) => {
        // Whoever named it by its name learns that there are several, or that it is another one now than the one that is there, and says which.
        const isOther = code === 'TARGET_EXISTS' && this.#rootThere() !== undefined;
        this.#isAmbiguous ||= isOther || (code === 'USAGE' && message.includes('different contents'));
        // What cannot be read for the moment is not known to be what was asked for.
        const isUnread = code === 'TARGET_EXISTS' && (record.counts.get('failed read') ?? 0) > 0;
        if (isUsual || this.#isAmbiguous || isUnread) record.note(this.name, `failed: ${code} ${message}`);
        else this.#breaks(`failed: ${code} ${message}`);
      },
    };
  }

  #fetchEvent(event: FetchEvent): void {
    if (event.event === 'progress') {
      const { doneBytes, totalBytes } = event;
      if (doneBytes < 0 || doneBytes > totalBytes) this.#breaks(`progress says ${doneBytes} of ${totalBytes} bytes`);
      if (event.phase === 'fetch' && this.#fetchedRoot !== undefined)
        this.#breaksIf(this.#had?.counted(this.#fetchedRoot, doneBytes));
    } else {
      if (event.event === 'phase') this.#isFetching = event.phase === 'fetch';
      if (event.event === 'content') this.#fetchedRoot = event.root ?? undefined;
      this.#ports.record.note(this.name, JSON.stringify(event));
    }
  }

  #reportedDone(result: FetchResult): void {
    const { goods, target } = this;
    const { record } = this.#ports;
    const { path, root, fetchedBytes, resumedBytes, isAlreadyThere } = result;
    record.note(this.name, `done: ${fetchedBytes} bytes fetched, ${resumedBytes} resumed${isAlreadyThere ? ', was there' : ''}`);
    record.count('done');
    if (goods === undefined || path !== target) {
      this.#breaks(`done at ${path}`);
      return;
    }
    if (!result.verified) this.#breaks('done without being verified');
    if (!isAlreadyThere && fetchedBytes + resumedBytes < goods.sizeBytesOf(root)) {
      this.#breaks(`done with ${fetchedBytes} and ${resumedBytes} bytes of ${goods.sizeBytesOf(root)}`);
    }
    this.#done = result;
    this.#isDoneNow = true;
    const { disk } = this.machine;
    const fault = goods.fault(target, root ?? undefined, (file) => disk.lasting(file));
    if (fault !== undefined) this.#breaks(`reported done what a power cut could take back: ${fault}`);
  }

  #goodsAt(at: number): Goods {
    const goods = this.#ports.goods[at];
    if (goods === undefined) throw new Error(`no content ${at}`);
    return goods;
  }

  #breaksIf(what: string | undefined): void {
    if (what !== undefined) this.#breaks(what);
  }

  #breaks(what: string): void {
    this.#ports.record.breaks(this.name, what);
  }
}
