/**
 * What the Jupyter server tells of models, and what it can be asked to do with them.
 *
 * Contract: rejects with `Refused`, in words for the user. Part of what is loaded when the
 * chooser or the popup is first opened.
 */

import type { Talk } from './talk.js';

export type RoleName = 'chat' | 'completion' | 'embedding';

export interface Failure {
  message: string;
  fix: string | null;
}

/** How well a model runs here: as `jupyter assistant models` says it. */
export type Fit = 'graphics' | 'yes' | 'tight' | 'slow' | 'no' | 'unknown';

export interface Model {
  name: string;
  installed: boolean;
  size: number;
  fit: Fit;
  answers: RoleName[];
  suits: RoleName[];
  abilities: string[];
  presets: string[];
  good_at: string;
  licence: string;
  runs_at: string;
}

interface Role {
  named: string | null;
  source: string;
  model: string | null;
  missing: { name: string; size: number } | null;
}

export interface Job {
  id: number;
  models: string[];
  name: string;
  state: 'running' | 'cancelling' | 'done' | 'cancelled' | 'failed';
  status: string;
  completed: number | null;
  total: number | null;
  speed: number | null;
  eta_s: number | null;
  done: boolean;
  got: string[];
  error: Failure | null;
  /** Whether it was refused for its size, and comes if that does not matter. */
  too_large: boolean;
}

export interface Listing {
  config: string;
  server: { kind: string; url: string; version: string; local: boolean } | null;
  problem: Failure | null;
  preset: { setting: string; name: string; reason: string };
  presets: { name: string; summary: string; download: number }[];
  roles: Record<RoleName, Role>;
  models: Model[];
  job: Job | null;
  /** What should be known of the choice that was just made. */
  notices?: string[];
}

export const ROLES: readonly RoleName[] = ['chat', 'completion', 'embedding'];

export class ModelsTalk {
  constructor(private readonly talk: Talk) {}

  async list(): Promise<Listing> {
    return (await this.talk.send('GET', 'models')).json() as Promise<Listing>;
  }

  /** Let a model answer for a role; null leaves it to the preset. */
  async use(role: RoleName | 'preset', model: string | null): Promise<Listing> {
    const reply = await this.talk.send('POST', 'models/use', { role, model });
    return reply.json() as Promise<Listing>;
  }

  /** The download of this Jupyter server: begin one, look at it, end or forget it. */
  async job(method: 'GET' | 'DELETE'): Promise<Job | null>;
  async job(method: 'POST', models: string[], force?: boolean): Promise<Job | null>;
  async job(method: string, models?: string[], force = false): Promise<Job | null> {
    const reply = await this.talk.send(method, 'models/pull', models && { models, force });
    return ((await reply.json()) as { job: Job | null }).job;
  }
}

/** What is wanted and not there: in words, and what to ask for. */
interface Missing {
  names: string[];
  /** What is the matter, in a sentence or two. */
  text: string;
  /** Of the whole download, "1.3 GB"; empty where it is not known. */
  size: string;
}

/** Return which models somebody or the preset wants that are not there; null where none. */
export function missingModels(listing: Listing): Missing | null {
  const roles = ROLES.map(role => listing.roles[role]);
  const standIns = new Map<string, number>();
  const absent = new Set<string>();
  for (const { missing, named, model } of roles) {
    if (missing) {
      standIns.set(missing.name, missing.size);
    } else if (named && !model && !/\.gguf$/i.test(named)) {
      absent.add(named);
    }
  }
  const names = [...standIns.keys(), ...absent];
  const total = [...standIns.values()].reduce((sum, size) => sum + size, 0);
  const text = [
    standIns.size && `The demo model stands in for ${[...standIns.keys()].join(', ')}.`,
    absent.size && `You chose ${[...absent].join(', ')}, which is not there.`
  ];
  const size = absent.size || !total ? '' : bytes(total);
  return names.length ? { names, text: text.filter(part => part).join(' '), size } : null;
}

/** "986 MB", as shops and download pages count. */
export function bytes(count: number): string {
  for (const [unit, size] of [['GB', 1e9], ['MB', 1e6], ['kB', 1e3]] as const) {
    if (count >= size) {
      const value = count / size;
      return `${value < 10 ? value.toFixed(1) : Math.round(value)} ${unit}`;
    }
  }
  return `${count} B`;
}

/** "1 h 20 min", "3 min 20 s" or "12 s". */
export function duration(seconds: number): string {
  const whole = Math.max(1, Math.round(seconds));
  if (whole < 60) {
    return `${whole} s`;
  }
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) {
    return minutes < 10 ? `${minutes} min ${whole % 60} s` : `${minutes} min`;
  }
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
