/**
 * What the page knows about the assistant's state, kept fresh, for the status item and popup.
 *
 * Contract: an error is noted once and told once, not per key. The server is asked rarely:
 * often only while a model loads, never while the page is hidden.
 */

import type { Generation } from './generation.js';
import type { Status, Talk } from './talk.js';

const POLL_MS = 5_000;
const POLL_BUSY_MS = 1_000;
const POLL_AWAY_MS = 60_000;
const DEFAULT_DEBOUNCE_MS = 150;

export class StatusStore {
  value: Status | null = null;
  /** Why nothing was shown last, in a sentence; null after something was. */
  why: string | null = null;
  /** Milliseconds from the last request to its first text. */
  latency: number | null = null;
  /** Called where another model answers from now on. */
  onModel: () => void = () => undefined;
  private listeners: (() => void)[] = [];
  private timer = 0;

  constructor(private readonly talk: Talk) {}

  /** Warm the model and keep the state fresh from now on. */
  start(): void {
    document.addEventListener('visibilitychange', () => void this.refresh());
    window.addEventListener('focus', () => void this.refresh());
    void this.talk.warm().then(status => this.take(status));
  }

  onChange(listener: () => void): () => void {
    this.listeners.push(listener);
    return () => {
      this.listeners = this.listeners.filter(other => other !== listener);
    };
  }

  get paused(): boolean {
    return this.value?.enabled === false;
  }

  get failed(): boolean {
    return this.value?.state === 'error';
  }

  get debounce(): number {
    return this.value?.settings?.debounce_ms ?? DEFAULT_DEBOUNCE_MS;
  }

  /** Ask the server, unless nobody looks. */
  async refresh(): Promise<void> {
    if (document.hidden) {
      this.plan();
    } else {
      this.take(await this.talk.status());
    }
  }

  /** Nothing was asked, for this reason. */
  nothing(why: string): void {
    this.why = why;
    this.tell();
  }

  asked(generation: Generation): void {
    if (this.value && this.value.state === 'ready') {
      this.take({ ...this.value, state: 'generating' });
    }
    void generation.changed().then(() => {
      if (generation.firstText !== null) {
        this.latency = generation.firstText;
        this.why = null;
        this.tell();
      }
    });
  }

  answered(generation: Generation): void {
    const { end, trigger } = generation;
    const told = end && end.reason !== 'aborted' && end.reason !== 'superseded';
    if (trigger !== 'ahead' && told && !generation.text) {
      this.why = end.message ?? 'The model had nothing to add here.';
    }
    if (end?.status) {
      this.take(end.status);
    } else if (this.value?.state === 'generating') {
      this.take({ ...this.value, state: 'ready' });
    }
  }

  take(status: Status): void {
    const before = this.value;
    this.value = status.models || !before?.models ? status : { ...status, models: before.models };
    if (before && (before.model !== status.model || before.enabled !== status.enabled)) {
      this.onModel();
    }
    this.plan();
    this.tell();
  }

  private plan(): void {
    clearTimeout(this.timer);
    const busy = this.value?.state === 'loading' || this.value?.state === 'generating';
    const away = this.failed && !this.value?.server; // the browser logs each failed request
    const wait = away ? POLL_AWAY_MS : busy ? POLL_BUSY_MS : POLL_MS;
    this.timer = window.setTimeout(() => void this.refresh(), wait);
  }

  private tell(): void {
    this.listeners.forEach(listener => listener());
  }
}
