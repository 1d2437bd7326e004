/**
 * What to show and when to ask: pure functions and small memories, no DOM, no network.
 *
 * Contract: a *place* is an editor with the text before and after its cursor; a suggestion
 * belongs to the place it was asked for. All lengths are UTF-16 units, as in the editor.
 */

/** Why a request is made; the server is told. */
export type Trigger = 'auto' | 'invoke' | 'enter' | 'ahead';

export interface Place {
  /** Which editor; equal numbers are the same editor. */
  readonly editor: number;
  readonly prefix: string;
  readonly suffix: string;
}

const CLOSERS = /^[)\]}'"`]{1,8}$/;
const PAIRS: Readonly<Record<string, string>> = { ')': '(', ']': '[', '}': '{' };
const WORD = /[\p{L}\p{M}\p{N}_]/u;

/**
 * Return what is left to show at `now` of a text suggested at `start`.
 *
 * An empty string: it agrees so far, and nothing is left (or nothing has arrived yet).
 * `null`: it does not belong here. Brackets that the editor closed by itself while the
 * suggestion was typed count as typed: only the part inside of them is left.
 */
export function remainder(start: Place, text: string, done: boolean, now: Place): string | null {
  if (start.editor !== now.editor || !now.prefix.startsWith(start.prefix)) {
    return null;
  }
  const typed = now.prefix.slice(start.prefix.length);
  let closed = '';
  if (now.suffix !== start.suffix) {
    closed = now.suffix.slice(0, Math.max(0, now.suffix.length - start.suffix.length));
    if (!typed || !CLOSERS.test(closed) || closed + start.suffix !== now.suffix) {
      return null;
    }
  }
  if (text.startsWith(typed)) {
    const rest = text.slice(typed.length);
    return closed ? inside(rest, closed) : rest;
  }
  return !done && typed.startsWith(text) ? '' : null;
}

/** Return the part of `rest` in front of the bracket or quote that is closed already. */
function inside(rest: string, closed: string): string {
  const end = closed[0];
  const open = PAIRS[end];
  let depth = 0;
  for (let at = 0; at < rest.length; at++) {
    if (rest[at] === end && depth === 0) {
      return rest.slice(0, at);
    }
    depth += rest[at] === open ? 1 : rest[at] === end ? -1 : 0;
  }
  return rest;
}

/** Return why a place is never asked for by itself, or null where it may be. */
export function whyNot(place: Place, trigger: Trigger): string | null {
  if (trigger === 'invoke') {
    return null;
  }
  const before = lastCharacter(place.prefix);
  const after = String.fromCodePoint(place.suffix.codePointAt(0) ?? 10);
  if (WORD.test(before) && WORD.test(after)) {
    return 'The cursor is inside a word.';
  }
  if (trigger === 'auto' && !lineStart(place.prefix).trim()) {
    return 'The line is blank: press Enter, or ask with the shortcut.';
  }
  return null;
}

/** Return the text of the cursor's line before the cursor. */
export function lineStart(prefix: string): string {
  return prefix.slice(prefix.lastIndexOf('\n') + 1);
}

/** Return the next word of a suggestion, with the blanks in front of it. */
export function firstWord(text: string): string {
  return /^\s*(?:[\p{L}\p{M}\p{N}_]+|[^\p{L}\p{M}\p{N}_\s]+)/u.exec(text)?.[0] ?? text;
}

/** Return a suggestion up to the end of its first line that has something on it. */
export function firstLine(text: string): string {
  return /^\s*[^\n]*/.exec(text)?.[0] || text;
}

function lastCharacter(text: string): string {
  const unit = text.charCodeAt(text.length - 1);
  return text.slice(unit >= 0xdc00 && unit < 0xe000 ? -2 : -1);
}

/** Return at most `length` units of the start of a text, no character split. */
export function head(text: string, length: number): string {
  if (text.length <= length) {
    return text;
  }
  const unit = text.charCodeAt(length - 1);
  return text.slice(0, length - (unit >= 0xd800 && unit < 0xdc00 ? 1 : 0));
}

/** Typing rhythm and answer times; from them, how long typing must pause before a request. */
export class Tempo {
  private last = -Infinity;
  private keys: number[] = [];
  private answers: number[] = [];

  /** Note a key at `now` (milliseconds of a steady clock). */
  key(now: number): void {
    const interval = now - this.last;
    this.last = now;
    if (interval < THINKING_MS) {
      this.keys = [...this.keys.slice(1 - KEPT), interval];
    }
  }

  /** Note how long a first word took to arrive. */
  answer(milliseconds: number): void {
    this.answers = [...this.answers.slice(1 - KEPT), milliseconds];
  }

  /**
   * Return the pause before a request, at most `limit`.
   *
   * A little more than the time between two keys tells a pause from typing on. Somebody who
   * types so slowly that the answer is there before the next key need not wait so long.
   */
  pause(limit: number, trigger: Trigger): number {
    if (trigger === 'invoke' || trigger === 'ahead') {
      return 0;
    }
    if (this.keys.length < 3) {
      return limit;
    }
    const between = mean(this.keys);
    const answer = this.answers.length ? mean(this.answers) : limit;
    const wanted = between > 2 * (limit + answer) ? limit / 2 : 1.3 * between;
    return Math.min(limit, Math.max(Math.min(SHORTEST_MS, limit), wanted));
  }
}

const KEPT = 20;
const THINKING_MS = 800;
const SHORTEST_MS = 40;

function mean(values: number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

interface Kept {
  place: Place;
  text: string;
  at: number;
}

/** The last suggestions, so that going back costs nothing, and those that were turned down. */
export class Memory {
  private kept: Kept[] = [];
  private rejected: Kept[] = [];

  /** Keep a complete suggestion; an empty one says that there is none at this place. */
  keep(place: Place, text: string, now: number): void {
    this.kept = [{ place, text, at: now }, ...this.kept.filter(k => !same(k.place, place))];
    this.kept.length = Math.min(this.kept.length, KEPT_TEXTS);
  }

  /** Return a kept suggestion that goes on from here; `''` where it is known that none does. */
  find(now: Place, time: number): { place: Place; text: string } | null {
    for (const { place, text, at } of this.kept) {
      if (time - at > KEPT_MS) {
        continue;
      }
      if (!text && same(place, now)) {
        return { place, text };
      }
      if (remainder(place, text, true, now)?.trim()) {
        return { place, text };
      }
    }
    return null;
  }

  /** Note that the user turned down what was shown at a place. */
  reject(place: Place, text: string, now: number): void {
    this.rejected = [{ place, text, at: now }, ...this.rejected].slice(0, KEPT_TEXTS);
  }

  /** Whether what would be shown here was just turned down. */
  isRejected(now: Place, time: number): boolean {
    return this.rejected.some(
      ({ place, text, at }) =>
        time - at < KEPT_MS &&
        (same(place, now) || !!remainder(place, text, true, now)?.trim())
    );
  }

  /** Forget what was turned down here: the user asks for it now. */
  forgive(now: Place): void {
    this.rejected = this.rejected.filter(
      ({ place, text }) => remainder(place, text, true, now) === null && !same(place, now)
    );
  }

  /** Forget all suggestions: another model answers, or other settings hold. */
  clear(): void {
    this.kept = [];
  }
}

const KEPT_TEXTS = 50;
const KEPT_MS = 120_000;

export function same(one: Place, other: Place): boolean {
  return (
    one.editor === other.editor && one.prefix === other.prefix && one.suffix === other.suffix
  );
}
