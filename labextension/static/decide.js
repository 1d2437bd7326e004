const CLOSERS = /^[)\]}'"`]{1,8}$/;
const PAIRS = { ')': '(', ']': '[', '}': '{' };
const WORD = /[\p{L}\p{M}\p{N}_]/u;
export function remainder(start, text, done, now) {
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
function inside(rest, closed) {
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
export function whyNot(place, trigger) {
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
export function lineStart(prefix) {
    return prefix.slice(prefix.lastIndexOf('\n') + 1);
}
export function firstWord(text) {
    return /^\s*(?:[\p{L}\p{M}\p{N}_]+|[^\p{L}\p{M}\p{N}_\s]+)/u.exec(text)?.[0] ?? text;
}
export function firstLine(text) {
    return /^\s*[^\n]*/.exec(text)?.[0] || text;
}
function lastCharacter(text) {
    const unit = text.charCodeAt(text.length - 1);
    return text.slice(unit >= 0xdc00 && unit < 0xe000 ? -2 : -1);
}
export function head(text, length) {
    if (text.length <= length) {
        return text;
    }
    const unit = text.charCodeAt(length - 1);
    return text.slice(0, length - (unit >= 0xd800 && unit < 0xdc00 ? 1 : 0));
}
export class Tempo {
    last = -Infinity;
    keys = [];
    answers = [];
    key(now) {
        const interval = now - this.last;
        this.last = now;
        if (interval < THINKING_MS) {
            this.keys = [...this.keys.slice(1 - KEPT), interval];
        }
    }
    answer(milliseconds) {
        this.answers = [...this.answers.slice(1 - KEPT), milliseconds];
    }
    pause(limit, trigger) {
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
function mean(values) {
    return values.reduce((sum, value) => sum + value, 0) / values.length;
}
export class Memory {
    kept = [];
    rejected = [];
    keep(place, text, now) {
        this.kept = [{ place, text, at: now }, ...this.kept.filter(k => !same(k.place, place))];
        this.kept.length = Math.min(this.kept.length, KEPT_TEXTS);
    }
    find(now, time) {
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
    reject(place, text, now) {
        this.rejected = [{ place, text, at: now }, ...this.rejected].slice(0, KEPT_TEXTS);
    }
    isRejected(now, time) {
        return this.rejected.some(({ place, text, at }) => time - at < KEPT_MS &&
            (same(place, now) || !!remainder(place, text, true, now)?.trim()));
    }
    forgive(now) {
        this.rejected = this.rejected.filter(({ place, text }) => remainder(place, text, true, now) === null && !same(place, now));
    }
    clear() {
        this.kept = [];
    }
}
const KEPT_TEXTS = 50;
const KEPT_MS = 120_000;
export function same(one, other) {
    return (one.editor === other.editor && one.prefix === other.prefix && one.suffix === other.suffix);
}
