/** Runs one seed from its scenario to its outcome. */
import { asShoalError } from '../../common/core/errors.js';
import { drawScenario } from './scenario.js';
import { World, type WorldOptions } from './world.js';

export interface SeedOutcome {
  readonly seed: number;
  /** Of every event in order: the same seed gives the same. */
  readonly hash: string;
  readonly broken: readonly string[];
  readonly counts: ReadonlyMap<string, number>;
  readonly eventCount: number;
  readonly simulatedMs: number;
}

export async function runSeed(seed: number, options: WorldOptions = {}): Promise<SeedOutcome> {
  const world = new World(drawScenario(seed), options);
  const { record, clock } = world;
  const lost = (error: unknown) => record.breaks('process', `a promise that nobody waits for was rejected: ${textOf(error)}`);
  process.on('unhandledRejection', lost);
  try {
    await world.run();
  } catch (error) {
    record.breaks('process', `an event threw: ${textOf(error)}`);
  } finally {
    process.off('unhandledRejection', lost);
  }
  const { hash, broken, counts } = record;
  return { seed, hash, broken, counts, eventCount: clock.eventCount, simulatedMs: clock.nowMs() };
}

function textOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : asShoalError(error).message;
}
